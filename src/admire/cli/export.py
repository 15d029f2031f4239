"""Write a campaign's finished trials as one CSV file that other tools can read.

`--format table` writes the columns that `admire replay table` reads: run, size, cost, weight:<source> ..., metric:<name> ...,
stderr:<name> ...; sizes have their names from the campaign's YAML. `--format admire-ift` writes the columns of the published
ADMIRE IFT Runs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from admire.cli.campaigns import add_campaign, resolve

FORMATS = ("table", "admire-ift")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the campaign, the format and the file to write."""
    add_campaign(parser)
    parser.add_argument("--format", choices=FORMATS, default="table", help="table (default) or admire-ift")
    parser.add_argument("--out", type=Path, help="the file to write (default: standard output)")


def run(args: argparse.Namespace) -> int:
    """Write the table; with `--out` also print how many trials it holds."""
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
