"""Draw a trial's rows from the prepared sources. An index of rows and a manifest are written; no data is copied."""

from __future__ import annotations

import argparse
from pathlib import Path

from admire.campaign.layout import TrialLayout


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this subcommand's arguments."""
    parser.add_argument(
        "trial", type=Path, metavar="TRIAL_DIR", help="the trial's folder, results/trials/<model>/<digest>"
    )


def run(args: argparse.Namespace) -> None:
    """Write the index and the manifest into the trial's folder."""
    from admire.data.mixing import build_data

    build_data(TrialLayout(args.trial))
