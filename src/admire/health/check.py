"""All findings about a campaign, for `status`, `plan`, `preflight` and the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from admire.campaign.schema.campaign import Campaign
from admire.health.circuit_breaker import stopped_asking
from admire.health.failures import failed_trials
from admire.health.finding import Finding
from admire.health.folder import open_folders
from admire.health.nodes import nodes_that_break
from admire.health.rows import rows_left_out
from admire.health.storage import left_without_outcome, nearly_full
from admire.health.submissions import submissions_that_wait
from admire.health.unscored import unscored_metrics
from admire.health.warnings import library_warnings
from admire.trials.ledger import Ledger

# Findings are shown in this order. A further kind of finding is one function in a file of its own and one line here.
KINDS: list[Callable[[Campaign, Ledger], Iterable[Finding]]] = [
    stopped_asking,
    left_without_outcome,
    nearly_full,
    submissions_that_wait,
    nodes_that_break,
    failed_trials,
    rows_left_out,
    unscored_metrics,
    library_warnings,
    open_folders,
]


def findings(campaign: Campaign, ledger: Ledger | None = None) -> list[Finding]:
    """All findings about a campaign, in the order of `KINDS`, read from its files.

    Args:
        ledger: the campaign's ledger; None reads it.
    """
    ledger = ledger or Ledger.read(campaign)
    return [finding for kind in KINDS for finding in kind(campaign, ledger)]
