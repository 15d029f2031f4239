"""The files that a run wants next: a pure function of what lies in the results folder and of today's configuration.

It looks at files, never at `checkpoints.X.get`: at start-up that learns of one round at a time (docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from admire.campaign.layout import BASE, Layout
from admire.campaign.recipes import source_digests, suite_digest
from admire.campaign.schema.campaign import Campaign
from admire.loop import lane_state
from admire.loop.runs import Runs

# Steps planned ahead of what is known, per lane: enough to keep the scheduler busy, few enough to keep the DAG small.
HORIZON = 5
# Of a lane's updates that stay as they are one in so many is asked for: few, and short enough a way for Snakemake's recursion.
STRETCH = 20


@dataclass(frozen=True)
class Targets:
    """What the campaigns of a run want; one for the whole run, because it remembers what it found to be up to date."""

    runs: Runs
    _learnt: set[Path] = field(default_factory=set, init=False, repr=False, compare=False)

    @property
    def layout(self) -> Layout:
        """Where the files lie."""
        return self.runs.layout

    def report(self) -> list[Path]:
        """What the campaign wants; once its lanes have ended, its report and its recommendation too."""
        files = self.layout.campaign(self.runs.campaign.name)
        return self.finish(self.runs.campaign, lambda final: [files.report, files.recommendation])

    def next_proposals(self) -> list[Path]:
        """The next decision of every open lane; only the first lane's before the initial design is learnt."""
        files = self.layout.campaign(self.runs.campaign.name)
        found = []
        for lane in lane_state.lanes(self.runs.campaign):
            first = 0 if lane.number == 0 else 1
            initial = files.update(0, 0).is_file()
            if lane.ended is None and (lane.number == 0 or initial):
                found.append(files.proposal(max(lane.updated + 1, first), lane.number))
        return found

    def next_updates(self) -> list[Path]:
        """The updates of what is decided and not learnt from yet."""
        files = self.layout.campaign(self.runs.campaign.name)
        lanes = lane_state.lanes(self.runs.campaign)
        return [files.update(lane.begun, lane.number) for lane in lanes if lane.begun > lane.updated]

    def benchmark(self) -> list[Path]:
        """What the campaign and its rivals want; once the lanes of all have ended, the comparison too."""
        running = self.runs.running.values()
        done = [path for one in running for path in self.finish(one, lambda final: [])]
        if all(lane_state.final_step(one) is not None for one in running):
            done.append(self.layout.benchmark(self.runs.campaign.name) / "summary.csv")
        return done

    def finish(self, campaign: Campaign, then: Callable[[int], list[Path]]) -> list[Path]:
        """Every update that is wanted; when all lanes have ended, what `then` makes of the final decision's number.

        Cards and base models stand beside them because a proposal that exists does not pass on that one of these is made
        again, and a run in which nothing else waits for it would end there.
        """
        final = lane_state.final_step(campaign)
        wanted = self.cards(campaign) + self.base_records(campaign.name) + self.updates(campaign)
        return wanted + ([] if final is None else then(final))

    def cards(self, campaign: Campaign) -> list[Path]:
        """The cards of a campaign's prepared sources."""
        return [self.layout.card(source, digest) for source, digest in source_digests(campaign).items()]

    def base_records(self, campaign: str) -> list[Path]:
        """Records of the base models' trainings, and before them the decision that asks for these; none where nobody lends one.

        Args:
            campaign: the name of the one that makes the decision.
        """
        if not self.runs.lenders:
            return []
        proposal = self.layout.campaign(campaign).special(BASE)
        return [proposal, *(trial.train() for trial in self.runs.trials_in(proposal))]

    def evaluations(self, proposal: Path, suites: Iterable[str], split: str = "validation") -> list[Path]:
        """The scores of all trials of a proposal on the named suites; none while it is not written."""
        return [
            trial.evaluation(suite, suite_digest(self.runs.campaign, suite, split))
            for trial in self.runs.trials_in(proposal)
            for suite in suites
        ]

    def updates(self, campaign: Campaign) -> list[Path]:
        """Updates that stand for all that are wanted: those to be made, and of the others one in so many.

        Behind these stand the others: each decision waits for its lane's last update. Snakemake asks again at each update, and
        keeps every answer until it ends; all of them each time would take gigabytes in a thousand trials.
        """
        wanted, files = lane_state.wanted(campaign, HORIZON), self.layout.campaign(campaign.name)
        last = {lane: step for step, lane in wanted}
        return [
            files.update(step, lane)
            for step, lane in wanted
            if step in (0, last[lane]) or step % STRETCH == 0 or not self.learnt(campaign, step, lane)
        ]

    def learnt(self, campaign: Campaign, step: int, lane: int) -> bool:
        """Whether an update exists and is younger than what it waits for; once it was, it stays so for this run."""
        files = self.layout.campaign(campaign.name)
        update, proposal = files.update(step, lane), files.proposal(step, lane)
        if update not in self._learnt and update.is_file():
            waits = [proposal, *self.evaluations(proposal, campaign.deciding_suites)]
            made = update.stat().st_mtime
            if all(path.is_file() and path.stat().st_mtime <= made for path in waits):
                self._learnt.add(update)
        return update in self._learnt
