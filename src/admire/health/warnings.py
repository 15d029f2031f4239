"""Warnings of libraries during trainings and evaluations, and prompts that were cut, as one finding per kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from admire.campaign.recipes import suite_digest
from admire.campaign.schema.campaign import Campaign
from admire.health.finding import Finding
from admire.trials.ledger import Ledger
from admire.trials.records import read_evaluation


def library_warnings(campaign: Campaign, ledger: Ledger) -> Iterator[Finding]:
    """One finding per kind of warning and per place (the training or a suite), with its count and number of trials."""
    counts: dict[tuple[str, str], list[int]] = defaultdict(list)
    digests = {suite: suite_digest(campaign, suite) for suite in campaign.evaluation}
    for trial in ledger.trials:
        if trial.record is None:
            continue
        for kind, count in trial.record.warnings.items():
            counts["training", kind].append(count)
        for suite, digest in digests.items():
            record = read_evaluation(trial.files(campaign.results).evaluation(suite, digest))
            for kind, count in (record.warnings if record else {}).items():
                counts[f"evaluation.{suite}", kind].append(count)
    for (where, kind), found in counts.items():
        trials = f"{len(found)} trial{'s' if len(found) > 1 else ''}"
        yield Finding("warned", f"{where}, {trials}, {sum(found):,} times: {kind}")
