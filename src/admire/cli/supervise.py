"""Keep a controller running for weeks: `admire supervise -- snakemake --profile slurm`.

Starts it again when it was killed, hangs, or was refused its jobs for now; never after a real failure. Ctrl-C and SIGTERM are
passed on and end it; a closed terminal does not. What both say is in logs/supervise.log.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command, and how to watch it."""
    parser.add_argument("command", nargs="+", metavar="COMMAND", help="after --, for example snakemake --profile slurm")
    parser.add_argument(
        "--orphans",
        choices=("adopt", "wait", "cancel"),
        default="adopt",
        help="Slurm jobs that a killed controller left: let them go on beside the new one (default; its own job of the same "
        "trial waits behind them in the queue), wait for them first, or cancel them",
    )
    parser.add_argument(
        "--hung-minutes", type=float, default=15, help="restart after so long without any job (default: 15)"
    )
    parser.add_argument("--poll-seconds", type=float, default=15, help="time between two looks (default: 15)")
    parser.add_argument("--results", type=Path, default=Path("results"), help="the results folder (default: results)")


def run(args: argparse.Namespace) -> int:
    """Supervise; first of all refuse a configuration that Snakemake would evaluate while it starts."""
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
