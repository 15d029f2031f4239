"""Train one trial, or go on from its last checkpoint.

A finished trial is never trained again, and while another process trains it this one waits. SIGTERM, SIGURG and Ctrl-C
write a checkpoint and end with exit code 75; the same command then goes on (a Slurm job has itself requeued). A training
that breaks down by itself (its loss is not a number, or diverges) is a result: it is recorded as failed, with exit code 0.

With `--share 0.25` it stops at a quarter of its steps, with a decay of its own; a longer share goes on from before that decay.

With `--resources '{"gpus": 8}'` it starts a process a GPU, as torchrun does; in a Slurm job with `"nodes": 2`, typed on each
node (srun), those of all nodes train together.

With `--campaign` a trial is left without an outcome, with exit code 0, where that campaign's next decision is going to refuse to go
on: one that was never begun after the first ones of its size failed with the same error, and any that a full disk ended.
"""

from __future__ import annotations

import argparse
import os

from admire.cli.campaigns import add_campaign_option, resolve
from admire.cli.trials import add_trial, resolve_trial


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommand's arguments."""
    add_trial(parser)
    parser.add_argument(
        "--checkpoint-minutes",
        type=float,
        default=os.environ.get("ADMIRE_CHECKPOINT_MINUTES", 10),
        help="time between two checkpoints (default: the variable ADMIRE_CHECKPOINT_MINUTES, or 10)",
    )
    parser.add_argument(
        "--resources",
        default="{}",
        metavar="JSON",
        help="a model's `resources` as in the campaign's YAML: how many processes train, and how they use their machines",
    )
    parser.add_argument(
        "--validation",
        metavar="JSON",
        help="a campaign's `validation`, with `sources`: name -> digest of each source whose held-out rows are scored meanwhile",
    )
    add_campaign_option(parser, required=False)
    parser.add_argument("--attempt", type=int, default=1, help="which attempt this is, from 1")
    parser.add_argument("--memory-mb", type=int, help="the memory it is given, to be named when it was too little")
    parser.add_argument(
        "--attempts", type=int, help="the attempt that trains no more but records the trial as failed, with the reason"
    )


def run(args: argparse.Namespace) -> int:
    """Train."""
    from admire.campaign.loading import parse_argument
    from admire.campaign.schema.resources import Resources
    from admire.campaign.validation_plan import ValidationPlan
    from admire.errors import StorageError
    from admire.train.run import train_trial
    from admire.trials import storage
    from admire.trials.waiting import left_waiting

    if args.campaign and _kept_back(args):
        return 0

    resources = parse_argument(Resources, args.resources, "--resources")
    plan = parse_argument(ValidationPlan, args.validation, "--validation") if args.validation else None
    trial = resolve_trial(args)
    try:
        return train_trial(trial, args.checkpoint_minutes, args.attempt, args.attempts, args.memory_mb, resources, plan)
    except (StorageError, OSError) as error:
        full = storage.trouble(error, trial.folder)
        alone = (
            os.environ.get("WORLD_SIZE", "1") == "1" and args.campaign
        )  # one of several leaves that to who launched it
        if full is None or not alone or not left_waiting(trial.train(), full):
            raise
        return 0


def _kept_back(args: argparse.Namespace) -> bool:
    """Whether the campaign asks for no further trial of this size."""
    import sys

    from admire.trials.breaker import keeps_back
    from admire.trials.records import held_back

    trial = resolve_trial(args)
    if not keeps_back(resolve(args), trial):
        return False
    print(f"{trial.folder}: {held_back(trial.train())}", file=sys.stderr)
    return True
