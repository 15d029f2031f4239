"""Write a campaign's report into its folder: report.html, figures/, recommendation.yaml and results.csv.

The campaign may still be running; it must have finished at least one step of a lane.
"""

from __future__ import annotations

import argparse

from admire.cli.campaigns import add_campaign, resolve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the campaign."""
    add_campaign(parser)


def run(args: argparse.Namespace) -> int:
    """Write the report and print where it is."""
    campaign = resolve(args)
    from pathlib import Path

    from admire.campaign.layout import Layout
    from admire.report.campaign import page, recommendation
    from admire.report.campaign.results import CampaignResults
    from admire.trials.ledger import Ledger, locked
    from admire.trials.results_table import write_results_table

    # The last update wrote results.csv before the target's final training, so the table is written once more.
    with locked(Layout(Path(campaign.results)).campaign(campaign.name)):
        write_results_table(Ledger.read(campaign))
    results = CampaignResults.read(campaign)
    print(f"recommendation: {recommendation.write(results)}")
    print(f"report: {page.write(results)}")
    return 0
