"""A campaign that asks for no further trial because those so far failed alike."""

from __future__ import annotations

from collections.abc import Iterator

from admire.campaign.schema.campaign import Campaign
from admire.health.finding import Finding
from admire.loop.schedule import final_step
from admire.trials import breaker
from admire.trials.ledger import Ledger


def stopped_asking(campaign: Campaign, ledger: Ledger) -> Iterator[Finding]:
    """Sizes of which no further trial is asked for."""
    for found in breaker.standing(ledger, final=final_step(campaign) is not None):
        yield Finding(
            "stopped",
            f"no further trial is asked for: {found}",
            f"mend that, then: {breaker.command(campaign)}, and run it again",
        )
