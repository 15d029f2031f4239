"""A campaign whose circuit breaker is open: the first trials of a size failed with one error, so no further one is proposed."""

from __future__ import annotations

from collections.abc import Iterator

from admire.campaign.schema.campaign import Campaign
from admire.health.finding import Finding
from admire.loop.lane_state import final_step
from admire.trials import breaker
from admire.trials.ledger import Ledger


def stopped_asking(campaign: Campaign, ledger: Ledger) -> Iterator[Finding]:
    """One finding per model size of which no further trial is proposed."""
    for found in breaker.standing(ledger, final=final_step(campaign) is not None):
        yield Finding(
            "stopped",
            f"no further trial is proposed: {found}",
            f"fix the error, then: {breaker.command(campaign)}, and run the campaign again",
        )
