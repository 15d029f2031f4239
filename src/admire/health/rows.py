"""Sources of which so many rows were left out or cut that their owner should know without looking for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from admire.campaign.layout import Layout
from admire.campaign.recipes import source_digest
from admire.campaign.schema.campaign import Campaign
from admire.data.left_out import Tally, is_unchecked
from admire.health.finding import Finding
from admire.trials.atomic_files import read_json
from admire.trials.ledger import Ledger


def rows_left_out(campaign: Campaign, ledger: Ledger) -> Iterator[Finding]:
    """Findings from the cards of prepared sources: rows left out or cut, if they are a fraction above `left_out.SAID_ABOVE`."""
    layout = Layout(Path(campaign.results))
    for name in campaign.sources:
        card = layout.card(name, source_digest(campaign, name))
        if not card.is_file():
            continue
        content = read_json(card)
        for kind, line in Tally.of(content).much().items():
            yield Finding(kind, f"source {name}: {line}")
        if is_unchecked(content):
            doubt = "was prepared by an earlier version, which did not check which tokens count in the loss"
            yield Finding("not checked", f"source {name}: {doubt}; a campaign of another name has it prepared again")
