"""Trials that were left without an outcome, mostly because a disk was full, and a disk that is nearly full."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from admire.campaign.schema.campaign import Campaign
from admire.health.finding import Finding
from admire.trials.breaker import NOT_BEGUN, broken
from admire.trials.ledger import Ledger
from admire.trials.storage import size
from admire.trials.waiting import waiting

NEARLY_FULL = 100e6  # In bytes. `preflight.folder` refuses to start a run with less.


def left_without_outcome(campaign: Campaign, ledger: Ledger) -> Iterator[Finding]:
    """One finding per reason for which trials were left without an outcome."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    stopped = bool(broken(ledger))  # Trials that the circuit breaker kept from beginning are in the finding `stopped`.
    for trial, why in waiting(ledger):
        if not (stopped and why.startswith(NOT_BEGUN)):
            by_reason[why].append(f"{trial.fidelity} {trial.spec.digest}")
    for why, trials in by_reason.items():
        more = f" and {len(trials) - 3} more" if len(trials) > 3 else ""
        yield Finding(
            "waiting", f"{', '.join(trials[:3])}{more}: {why}", "the command that runs the campaign continues with them"
        )


def nearly_full(campaign: Campaign, ledger: Ledger) -> Iterator[Finding]:
    """A finding if the disk of the results folder has less than `NEARLY_FULL` bytes left."""
    results = Path(campaign.results)
    free = shutil.disk_usage(results).free if results.is_dir() else NEARLY_FULL
    if free < NEARLY_FULL:
        sentence = f"{size(free)} are free at {results}; free some space"
        yield Finding("storage", sentence, "admire prune removes model weights that no campaign needs")
