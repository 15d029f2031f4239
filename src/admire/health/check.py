"""All findings about a campaign, for `status`, `plan`, `preflight` and the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from admire.campaign.schema.campaign import Campaign
from admire.health.failures import failed_trials
from admire.health.finding import Finding
from admire.health.folder import open_folders
from admire.health.nodes import nodes_that_break
from admire.health.rows import rows_left_out
from admire.health.stopped import stopped_asking
from admire.health.storage import left_without_outcome, nearly_full
from admire.health.submissions import submissions_that_wait
from admire.health.unscored import unscored_metrics
from admire.health.warnings import library_warnings
from admire.trials.ledger import Ledger

# a kind of finding is one function in a file of its own, and one line here; the order is the order in which they are shown
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
    """Everything that somebody should know about a campaign, read from its files; empty when there is nothing."""
    ledger = ledger or Ledger.read(campaign)
    return [finding for kind in KINDS for finding in kind(campaign, ledger)]
