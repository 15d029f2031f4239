"""Which trained weights are still wanted. Scores outlive weights: a trial that is scored keeps its record for ever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from admire.campaign.layout import BASE, BENCHMARK, Layout, TrialLayout, standing
from admire.campaign.loading import load
from admire.campaign.recipes import suite_digest
from admire.campaign.schema.campaign import Campaign
from admire.loop.lane_state import final_step
from admire.trials.decision_records import read_proposal
from admire.trials.lease import Lease
from admire.trials.ledger import Ledger, Trial, proposals
from admire.trials.records import read_evaluation, read_training


@dataclass(frozen=True)
class Removable:
    """A folder that nothing wants any more, and its size.

    Attributes:
        linked: the link on the way to it from the results folder, behind which files may be somebody else's; None without one.
    """

    path: Path
    bytes: int
    linked: Path | None = None


def removable(results: Layout) -> Iterator[Removable]:
    """Models that no campaign wants, checkpoints of trainings that are finished, and those that longer ones would go on from
    where none is to come. A trial that is being trained is left alone.

    Raises:
        ConfigError: if a campaign's own configuration cannot be read, because then nobody knows what it wants.
    """
    wanted = look_for_wanted(results)
    for path in sorted(results.root.glob("trials/*/*/spec.json")):
        trial = TrialLayout(path.parent)
        if Lease(trial.lease).watch() is not None:
            continue
        finished = [one for one in trial.begun() if read_training(one.train()) is not None]
        folders = [one.checkpoints for one in finished]
        folders += [one.model() for one in finished if (trial.folder.name, one.share) not in wanted.models]
        if trial.at(1) in finished or trial.folder.name not in wanted.resumable:
            folders.append(trial.stable_checkpoints)
        for folder in folders:
            if folder.is_dir():
                size = sum(file.lstat().st_size for file in folder.rglob("*") if file.is_file())
                yield Removable(folder, size, linked=_linked(folder, results.root))


def _linked(folder: Path, root: Path) -> Path | None:
    """The first link on the way from the results folder to one in it; that folder itself may be reached by a link."""
    way = [folder, *folder.parents]
    return next((path for path in reversed(way[: way.index(root)]) if path.is_symlink()), None)


@dataclass(frozen=True)
class Wanted:
    """What campaigns still need.

    Attributes:
        models: digests of trials with the shares of their steps. A campaign wants those of its trials until all its suites have
            scored them; those of its base models, its final trainings and its benchmark always.
        resumable: digests of trials that an open campaign may go on with.
    """

    models: set[tuple[str, float]] = field(default_factory=set)
    resumable: set[str] = field(default_factory=set)


def look_for_wanted(results: Layout) -> Wanted:
    """Ask every campaign."""
    wanted = Wanted()
    for folder in sorted(path for path in results.root.glob("campaigns/*") if path.is_dir()):
        layout = results.campaign(folder.name)
        always = [layout.special(BASE), layout.special(BENCHMARK), *layout.finals()]
        if layout.config.is_file():
            campaign = load(layout.config).model_copy(update={"results": str(results.root)})
            goes_on = final_step(campaign) is None
            for trial in Ledger.read(campaign).trials:
                if not _scored(campaign, trial):
                    wanted.models.add((trial.spec.digest, trial.share))
                if trial.record is None and (dro := trial.spec.dro) is not None:
                    wanted.models.add((dro.reference, 1.0))
                if goes_on:
                    wanted.resumable.add(trial.spec.digest)
        else:
            always += proposals(layout)
        for path in map(standing, always):
            if path.is_file():
                for entry in read_proposal(path).trials:
                    wanted.models.add((entry.digest, entry.share))
    return wanted


def _scored(campaign: Campaign, trial: Trial) -> bool:
    """Whether every suite has scored the trial, also those that no decision needs. One that failed may be tried again."""
    files = trial.files(campaign.results)
    paths = (files.evaluation(suite, suite_digest(campaign, suite)) for suite in campaign.evaluation)
    records = map(read_evaluation, paths)
    return all(record is not None and record.status != "failed" for record in records)
