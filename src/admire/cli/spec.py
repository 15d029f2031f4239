"""Copy a trial's spec from the proposal that decided it into the trial's folder. The workflow's rules run this."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the trial's folder."""
    parser.add_argument(
        "trial", metavar="TRIAL_DIR", type=Path, help="the trial's folder, results/trials/<model>/<digest>"
    )


def run(args: argparse.Namespace) -> int:
    """Write spec.json."""
    from admire.campaign.layout import TrialLayout
    from admire.trials.origin import copy_spec

    copy_spec(TrialLayout(args.trial))
    return 0
