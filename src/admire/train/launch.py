"""A training of several processes: the same command in each, and what they left behind as an exit code."""

from __future__ import annotations

import sys

from admire.campaign.layout import TrialLayout
from admire.campaign.schema.resources import Resources
from admire.distributed import launch as processes
from admire.errors import TrialError
from admire.train.interruption import EXIT_CODE
from admire.trials.records import read_training


def launch(trial: TrialLayout, arguments: list[str], resources: Resources) -> int:
    """Run `admire train` with these arguments in `resources.workers` processes on this node and wait for their end.

    Returns:
        The exit code: 0 when there is a record, 75 when the training was interrupted.

    Raises:
        TrialError: if a process broke or was killed.
    """
    command = ["-m", "admire.cli.main", "train", str(trial.folder), *arguments]
    shape = {"processes": resources.workers, "threads": resources.threads, "nodes": resources.nodes}
    try:
        processes.launch(sys.executable, *command, **shape)
    except KeyboardInterrupt:
        return EXIT_CODE
    except processes.ProcessEndedError as error:
        raise TrialError(f"{trial.folder}: training: {error}, a traceback in {trial.logs}") from None
    return EXIT_CODE if read_training(trial.train()) is None else 0
