"""Nodes on which trainings break before their first step."""

from __future__ import annotations

from collections.abc import Iterator

from admire.campaign.schema.campaign import Campaign
from admire.health.finding import Finding
from admire.trials.ledger import Ledger
from admire.trials.nodes import Nodes


def nodes_that_break(campaign: Campaign, ledger: Ledger) -> Iterator[Finding]:
    """One finding per node on which trainings broke before their first step and no training got further since."""
    for node, visits in Nodes(campaign.results).broken().items():
        times = f"{len(visits)} trainings" if len(visits) > 1 else "a training"
        yield Finding(
            "node",
            f"on {node} {times} broke before the first step, the last one: {visits[-1].broke}; later attempts run on other nodes",
            f"to look: srun --nodelist={node} nvidia-smi; its administrators can drain it",
        )
