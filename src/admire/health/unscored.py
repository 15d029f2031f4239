"""Metrics that have no score in trials that are done all the same, as one finding per metric and reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from admire.campaign.schema.campaign import Campaign
from admire.health.finding import Finding
from admire.trials.ledger import Ledger, Trial


def unscored_metrics(campaign: Campaign, ledger: Ledger) -> Iterator[Finding]:
    """One finding per metric and reason. Only metrics outside the objective are found: without one of those, a trial fails."""
    by_reason: dict[tuple[str, str], list[Trial]] = defaultdict(list)
    for trial in ledger.trials:
        if trial.state != "failed":
            for metric, why in trial.missing.items():
                by_reason[metric, why].append(trial)
    for (metric, why), trials in by_reason.items():
        digests = " ".join(trial.spec.digest for trial in trials)
        yield Finding(
            "not scored",
            f"{metric} in {len(trials)} of {len(ledger.trials)} trials: {why}",
            f"to try again: admire retry {digests}",
        )
