"""Keep a controller running for weeks: `admire supervise -- snakemake --profile slurm`.

The controller is the Snakemake process. It is restarted when it was killed, when it hangs, and when it ended because Slurm refused
its jobs for now; it is not restarted after a real failure. Ctrl-C and SIGTERM are forwarded to it and end both; a closed terminal
ends neither. The output of both is written to logs/supervise.log.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command, and how it is watched."""
    parser.add_argument(
        "command",
        nargs="+",
        metavar="COMMAND",
        help="the command to run, after --, for example snakemake --profile slurm",
    )
    parser.add_argument(
        "--orphans",
        choices=("adopt", "wait", "cancel"),
        default="adopt",
        help="what to do with Slurm jobs that a killed controller left behind: adopt lets them run while the new controller "
        "starts, whose own job for the same trial waits behind them in the queue (default); wait starts it after they have ended; "
        "cancel cancels them",
    )
    parser.add_argument(
        "--hung-minutes",
        type=float,
        default=15,
        help="restart the controller when for so many minutes no job of it was running or queued (default: 15)",
    )
    parser.add_argument("--poll-seconds", type=float, default=15, help="seconds between two checks (default: 15)")
    parser.add_argument("--results", type=Path, default=Path("results"), help="the results folder (default: results)")


def run(args: argparse.Namespace) -> int:
    """Supervise until the campaign ends; a configuration file whose code Snakemake would execute is refused before."""
    from admire.campaign.reading import read
    from admire.supervise.cache import cache_elsewhere
    from admire.supervise.controller import configfiles
    from admire.supervise.watch import Settings, Watch

    read(configfiles(args.command))
    os.environ.update(cache_elsewhere(os.environ))
    settings = Settings(
        args.results, Path("logs/supervise.log"), args.orphans, args.hung_minutes * 60, args.poll_seconds
    )
    settings.log.parent.mkdir(exist_ok=True)
    return Watch(args.command, settings).run()
