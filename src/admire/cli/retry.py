"""Open a failed trial again, so that the next run of its campaign trains it once more, or scores it where only that failed.

What failed is archived, not lost. Only failed trials can be opened: a finished one is never trained again.
"""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("digest", metavar="DIGEST", help="the trial's digest, or enough digits of it")
    parser.add_argument("--results", default="results", help="the results folder (default: results)")


def run(args: argparse.Namespace) -> None:
    """Archive the records and say what comes next."""
    from pathlib import Path

    from admire.campaign.layout import Layout
    from admire.trials.reopen import failed_training, find_trial, reopen

    trial = failed_training(find_trial(Layout(Path(args.results)), args.digest))
    archive = reopen(trial)
    print(f"{trial.folder} is open again; its records are in {archive}. Run the campaign, which does what is missing.")
