"""Refit the model of the scores to a decision's finished trials and write the new recommendation, budget and results.csv.

DECISION is step_KKKK/lane_L. The workflow's rules run this; it prints the campaign's progress line.
"""

from __future__ import annotations

import argparse

from admire.cli.campaigns import add_campaign_option, resolve
from admire.errors import ConfigError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the decision and the campaign."""
    parser.add_argument("decision", metavar="DECISION", help="for example step_0003/lane_0")
    add_campaign_option(parser)


def run(args: argparse.Namespace) -> int:
    """Refit, and print the campaign's progress line."""
    campaign = resolve(args)
    from admire.loop.decisions import LANE
    from admire.loop.learning import learn
    from admire.loop.progress import progress_line

    found = LANE.fullmatch(args.decision)
    if found is None:
        raise ConfigError(f"unknown decision '{args.decision}'; expected step_KKKK/lane_L")
    learn(campaign, int(found[1]), int(found[2]))
    print(progress_line(campaign), flush=True)
    return 0
