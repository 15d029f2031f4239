"""Train one trial, or resume its training from the last checkpoint.

A finished trial is never trained again. While another process trains the trial, this one waits. SIGTERM, SIGURG and Ctrl-C make
the training write a checkpoint and end with exit code 75; the same command then resumes it (a Slurm job requeues itself). A
training whose loss diverges or is not a number is a result: it is recorded as failed, and the exit code is 0.

With `--share 0.25` the training stops after a quarter of its steps, with a decay of the learning rate of its own. A later training
to a longer share resumes from the checkpoint before that decay.

With `--resources '{"gpus": 8}'` eight processes are started, one per GPU as by torchrun. For `"nodes": 2` run the command on each
node of a Slurm job (srun); the processes of all nodes then train together.

With `--campaign` a trial can be left without an outcome, with exit code 0, so that the campaign can stop and later continue with
it. This happens if the trial has not begun and the first trials of its size failed with one error, and if the disk is full.
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
        help="minutes between two checkpoints (default: the environment variable ADMIRE_CHECKPOINT_MINUTES, or 10)",
    )
    parser.add_argument(
        "--resources",
        default="{}",
        metavar="JSON",
        help="the model's `resources` from the campaign's YAML, which say how many processes train and how they use their machines",
    )
    parser.add_argument(
        "--validation",
        metavar="JSON",
        help="the campaign's `validation`, and `sources`, which maps the name of each source to its digest; the held-out rows of "
        "these sources are scored during the training",
    )
    add_campaign_option(parser, required=False)
    parser.add_argument(
        "--attempt", type=int, default=1, metavar="N", help="the number of this attempt, from 1 (default: 1)"
    )
    parser.add_argument(
        "--memory-mb",
        type=int,
        help="the memory that was requested for the job, named in the error if it was too little",
    )
    parser.add_argument(
        "--attempts",
        type=int,
        metavar="N",
        help="the number of the attempt that does not train any more but records the trial as failed, with the reason",
    )


def run(args: argparse.Namespace) -> int:
    """Train the trial; returns the exit code."""
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
        # A worker only reports the full disk; the process that launched the workers leaves the trial without an outcome.
        alone = os.environ.get("WORLD_SIZE", "1") == "1" and args.campaign
        if full is None or not alone or not left_waiting(trial.train(), full):
            raise
        return 0


def _kept_back(args: argparse.Namespace) -> bool:
    """Whether the circuit breaker of the campaign keeps this trial from being begun; if so, print why."""
    import sys

    from admire.trials.breaker import keeps_back
    from admire.trials.records import held_back

    trial = resolve_trial(args)
    if not keeps_back(resolve(args), trial):
        return False
    print(f"{trial.folder}: {held_back(trial.train())}", file=sys.stderr)
    return True
