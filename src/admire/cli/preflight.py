"""Refuse what cannot work before anything is spent: sources, caps, budget, method, tasks, architectures, the folder.

What only reading all of a source can tell (a broken line of a JSONL file) ends its preparation instead.

With --begin the campaign's settings are frozen (lock.json) and the merged configuration is written; the workflow does
that when a real run starts.
"""

from __future__ import annotations

import argparse

from admire.cli.campaigns import add_campaign, resolve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The campaign, and whether it begins."""
    add_campaign(parser)
    parser.add_argument("--origin", help="how messages name a configuration that comes from standard input")
    parser.add_argument("--begin", action="store_true", help="freeze the campaign's settings: a real run starts")


def run(args: argparse.Namespace) -> int:
    """Check, and say that all is well."""
    campaign = resolve(args)
    from admire.preflight.check import begin, check

    check(campaign, args.origin or " + ".join(args.campaign))
    if args.begin:
        begin(campaign)
    else:
        print(f"{campaign.name}: nothing stands in the way")
    return 0
