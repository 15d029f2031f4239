"""Trials that failed: equal reasons are one finding."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from admire.campaign.config import Campaign
from admire.health.finding import Finding
from admire.trials.ledger import Ledger, Trial


def failed_trials(campaign: Campaign, ledger: Ledger) -> Iterator[Finding]:
    """Failed trials, grouped by their reason."""
    by_reason: dict[str, list[Trial]] = defaultdict(list)
    for trial in ledger.trials:
        if trial.state == "failed":
            by_reason[str(trial.reason)].append(trial)
    for reason, trials in by_reason.items():
        named = ", ".join(f"{trial.fidelity} {trial.spec.digest}" for trial in trials[:3])
        more = f" and {len(trials) - 3} more" if len(trials) > 3 else ""
        digests = " ".join(trial.spec.digest for trial in trials)
        yield Finding("failed", f"{named}{more}: {reason}", f"to try again: admire retry {digests}")
