"""Write a campaign's finished trials as one CSV that others can read.

FORMAT table is what `admire replay table` reads: run, size, cost, weight:<source> ..., metric:<name> ..., stderr:<name> ... (sizes
as the campaign names them). FORMAT admire-ift has the columns of the published ADMIRE IFT Runs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from admire.cli.campaigns import add_campaign, resolve

FORMATS = ("table", "admire-ift")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The campaign, the format, where to write."""
    add_campaign(parser)
    parser.add_argument("--format", choices=FORMATS, default="table", help="table (default) or admire-ift")
    parser.add_argument("--out", type=Path, help="the file to write (default: standard output)")


def run(args: argparse.Namespace) -> int:
    """Write the table, and say what is in it."""
    campaign = resolve(args)
    from admire.replay.export import FORMATS as writers
    from admire.trials.atomic_files import write_text
    from admire.trials.ledger import Ledger

    text = writers[args.format](campaign, Ledger.read(campaign))
    if args.out is None:
        sys.stdout.write(text)
        return 0
    write_text(args.out, text)
    print(f"{text.count(chr(10)) - 1} trials of '{campaign.name}': {args.out}")
    return 0
