"""Launches a training of several processes, which all run the same command, and derives the exit code from the files they wrote."""

from __future__ import annotations

import sys

from admire.distributed.torchrun import ProcessEndedError, start_processes
from admire.errors import TrialError
from admire.train.assignment import Order
from admire.train.interruption import EXIT_CODE
from admire.trials.records import read_training


def train_in_processes(order: Order) -> int:
    """Run `admire train` in `resources.workers` processes on this node and wait for their end.

    Returns:
        The exit code: 0 when there is a record, 75 when the training was interrupted.

    Raises:
        TrialError: if a process broke or was killed.
    """
    trial, resources = order.trial, order.resources
    command = ["-m", "admire.cli.main", "train", *order.arguments()]
    try:
        start_processes(
            sys.executable,
            *command,
            processes=resources.workers,
            threads=resources.threads,
            nodes=resources.nodes,
        )
    except KeyboardInterrupt:
        return EXIT_CODE
    except ProcessEndedError as error:
        raise TrialError(f"{trial.folder}: training: {error}, a traceback in {trial.logs}") from None
    return EXIT_CODE if read_training(trial.train()) is None else 0
