"""Submissions that wait because Slurm refuses every job for now."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from admire.campaign.layout import Layout
from admire.campaign.schema.campaign import Campaign
from admire.cluster.channel import Channel
from admire.health.finding import Finding
from admire.trials.lease import Lease
from admire.trials.ledger import Ledger

# This maps the first words of a cause to the command that shows the cause.
LOOKS = {
    "a limit": "squeue --me",
    "Slurm's whole queue": "squeue",
    "the partition": "sinfo",
    "the reservation": "scontrol show reservation",
}


def submissions_that_wait(campaign: Campaign, ledger: Ledger) -> Iterator[Finding]:
    """One finding per cause for which the controller that runs the campaign waits with its submissions."""
    holder = Lease(Layout(Path(campaign.results)).campaign(campaign.name).running).holder()
    channel = Channel.of(holder["host"], holder["pid"]) if holder else None
    for cause in channel.waits_for() if channel else []:
        command = next((look for words, look in LOOKS.items() if cause.startswith(words)), "scontrol ping")
        sentence = f"Slurm accepts no job for now ({cause}); submissions are repeated until it does"
        yield Finding("waiting", sentence, f"to look: {command}")
