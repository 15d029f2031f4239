"""What the product of a rule waits for, and which of that only until the product exists."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from admire.campaign.layout import BENCHMARK, FINAL
from admire.loop import lane_state
from admire.loop.targets import Targets


@dataclass(frozen=True)
class Waits:
    """The inputs of a product.

    Attributes:
        always: written again, any of these makes the product anew.
        once: what it waits for until it exists; then it is not made again because one of these was written again.
    """

    product: Path
    always: list[Path] = field(default_factory=list)
    once: list[Path] = field(default_factory=list)

    @property
    def settled(self) -> bool:
        """Whether the product exists."""
        return self.product.exists()


def before_source(targets: Targets, source: str, digest: str, tokenizers: Iterable[str]) -> Waits:
    """A prepared source waits for every tokenizer that is trained.

    Args:
        tokenizers: their digests.
    """
    layout = targets.layout
    return Waits(layout.card(source, digest), once=[layout.tokenizer(one) for one in tokenizers])


def before_proposal(targets: Targets, campaign: str, step: str, lane: str) -> Waits:
    """A decision waits for prepared sources, and for the lane's last update; at the start for trained base models.

    Args:
        step: as its folder is named, with four digits.
    """
    files = targets.layout.campaign(campaign)
    last = lane_state.predecessor(int(step), int(lane))
    earlier = targets.base_records(campaign) if last is None else [files.update(*last)]
    return Waits(files.proposal(step, lane), once=targets.cards(targets.runs.running[campaign]) + earlier)


def before_update(targets: Targets, campaign: str, step: str, lane: str) -> Waits:
    """Learning waits for the decision, for the scores of its trials, and for the sources, whose sizes are the caps."""
    files = targets.layout.campaign(campaign)
    proposal = files.proposal(step, lane)
    return Waits(
        files.update(step, lane),
        always=[proposal, *targets.evaluations(proposal, targets.runs.campaign.deciding_suites)],
        once=targets.cards(targets.runs.running[campaign]),
    )


def before_report(targets: Targets, campaign: str) -> list[Path]:
    """The report waits for every update, the final training, and the scores of all suites of all trials."""
    one, files = targets.runs.running[campaign], targets.layout.campaign(campaign)
    final = files.special(f"{FINAL}_{lane_state.final_step(one) or 0:04d}")
    decided = [files.proposal(step, lane) for step, lane in lane_state.wanted(one, 0)]
    scores = [path for proposal in (*decided, final) for path in targets.evaluations(proposal, one.evaluation)]
    return [*targets.updates(one), final, *scores]


def before_comparison(targets: Targets, campaign: str) -> list[Path]:
    """The comparison waits for the decision on its mixtures, and for the scores of these on the test split."""
    proposal = targets.layout.campaign(campaign).special(BENCHMARK)
    return [proposal, *targets.evaluations(proposal, targets.runs.campaign.deciding_suites, "test")]


def before_base(targets: Targets) -> list[Path]:
    """The decision on base models waits for the prepared sources of every campaign that lends one."""
    return [card for lender in targets.runs.lenders.values() for card in targets.cards(lender.campaign)]


def before_mixtures(targets: Targets) -> list[Path]:
    """The decision on the mixtures to compare waits for the updates of the campaign and its rivals."""
    return [path for one in targets.runs.running.values() for path in targets.updates(one)]
