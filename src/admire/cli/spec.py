"""Copy a trial's spec out of the proposal that decided it.

TRIAL_DIR is results/trials/<model>/<digest>. The workflow's rules call this.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """TRIAL_DIR."""
    parser.add_argument("trial", metavar="TRIAL_DIR", type=Path, help="results/trials/<model>/<digest>")


def run(args: argparse.Namespace) -> int:
    """Write spec.json."""
    from admire.campaign.layout import TrialLayout
    from admire.trials.origin import copy_spec

    copy_spec(TrialLayout(args.trial))
    return 0
