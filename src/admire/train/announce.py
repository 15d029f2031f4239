"""The lines that a training prints on the terminal, or into its job's log."""

from __future__ import annotations

import sys
from typing import Any

from admire.campaign.fidelity import label
from admire.campaign.layout import TrialLayout
from admire.trials.records import finished_training


def say(trial: TrialLayout, words: str) -> None:
    """Print a line about a trial."""
    print(f"{name(trial)}: {words}", file=sys.stderr, flush=True)


def finished(trial: TrialLayout) -> int:
    """Print the result of a finished trial, and return its exit code, which is 0 for a recorded failure too.

    Raises:
        TrialError: if the trial has no record.
    """
    record = finished_training(trial.train())
    if record.status == "failed":
        say(trial, f"failed: {record.reason}")
        return 0
    loss = "no loss logged" if record.loss is None else f"loss {record.loss:.3f}"
    say(trial, f"trained: {record.steps} steps, {record.tokens} tokens, {loss}, {record.seconds:.0f} s")
    return 0


def waiting(trial: TrialLayout, holder: dict[str, Any]) -> None:
    """Print which process holds the trial's lease."""
    job = f", Slurm job {holder['job']}" if holder.get("job") else ""
    say(trial, f"process {holder['pid']} on {holder['host']}{job} is training it; waiting")


def name(trial: TrialLayout) -> str:
    """A short name of a trial: its model, the beginning of its digest, and its fraction of the training steps."""
    return label(f"{trial.folder.parent.name}/{trial.folder.name[:8]}", trial.share)
