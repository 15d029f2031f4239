"""Remove trained model weights that no campaign needs any more; scores and records stay.

Model weights are kept for trials that have still to be evaluated, for base models, for final trainings and for comparisons. A
suite that you add to the YAML later cannot score a trial whose model weights were removed.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's arguments."""
    parser.add_argument("--results", default="results", help="the results folder (default: results)")
    parser.add_argument("--dry-run", "-n", action="store_true", help="only print what would be removed")


def run(args: argparse.Namespace) -> None:
    """Remove model weights, or with `--dry-run` print which would be removed."""
    import shutil
    from pathlib import Path

    from admire.campaign.layout import Layout
    from admire.loop.pruning import removable

    freed = 0
    for item in removable(Layout(Path(args.results))):
        if item.linked is not None:
            print(f"left alone: {item.path}; {item.linked} is a link, and what lies behind it may be wanted elsewhere")
            continue
        print(f"{item.bytes / 1e6:10.1f} MB  {item.path}")
        freed += item.bytes
        if not args.dry_run:
            shutil.rmtree(item.path)
    print(f"{freed / 1e6:10.1f} MB  {'would be freed' if args.dry_run else 'freed'}")
