"""How subcommands name a trial: its folder, and the fraction of its steps after which it stops."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

from admire.campaign.layout import TrialLayout


def add_trial(parser: argparse.ArgumentParser) -> None:
    """Add the positional TRIAL_DIR and `--share`."""
    parser.add_argument(
        "trial", type=Path, metavar="TRIAL_DIR", help="the trial's folder, results/trials/<model>/<digest>"
    )
    parser.add_argument(
        "--share",
        type=_share,
        default=1.0,
        metavar="FRACTION",
        help="the fraction of the training steps after which the training stops (default: 1, the whole training)",
    )


def resolve_trial(args: argparse.Namespace) -> TrialLayout:
    """The trial that the arguments name."""
    return TrialLayout(args.trial, args.share)


def _share(text: str) -> float:
    with contextlib.suppress(ValueError):
        if 0 < float(text) <= 1:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text} is no share of the steps; give a number above 0, up to 1")
