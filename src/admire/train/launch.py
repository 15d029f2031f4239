"""Start one training's processes on this node by torchrun's own launcher, and say how it went.

It runs in this process, which Slurm started and tells of its warning, rather than in the command `torchrun`: that one exits
with 1 for an interruption as for a failure, and a second signal makes it leave its processes alone in their last checkpoint.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import uuid
from collections.abc import Iterator
from types import FrameType

import psutil

from admire.campaign.config import Resources
from admire.campaign.layout import TrialLayout
from admire.errors import TrialError
from admire.train.interruption import EXIT_CODE, SIGNALS
from admire.trials import slurm
from admire.trials.records import read_training

# for the other nodes to come
JOINED_WITHIN = 900
# a job's own port on its first node
FIRST_PORT, PORTS = 20_000, 20_000


def launch(trial: TrialLayout, arguments: list[str], resources: Resources) -> int:
    """Run `admire train` with these arguments in `resources.workers` processes on this node and wait for their end.

    Returns:
        The exit code: 0 when there is a record, 75 when the training was interrupted.

    Raises:
        TrialError: if a process broke or was killed.
    """
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # the processes say it themselves
    os.environ.setdefault("OMP_NUM_THREADS", str(resources.threads))
    config = LaunchConfig(
        min_nodes=resources.nodes,
        max_nodes=resources.nodes,
        nproc_per_node=resources.workers,
        max_restarts=0,  # what begins again is decided outside, where attempts are counted
        signals_to_handle="SIGQUIT",  # the others are passed on here
        **_meeting(resources.nodes),
    )
    command = ["-m", "admire.cli.main", "train", str(trial.folder), *arguments]
    try:
        with _passing_on():
            elastic_launch(config, sys.executable)(*command)
    except KeyboardInterrupt:
        return EXIT_CODE
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        how = f"was killed by {failure.signal_name()}" if failure.exitcode < 0 else "broke"
        raise TrialError(
            f"{trial.folder}: process {rank} of the training {how}; what it said stands above, a traceback in {trial.logs}"
        ) from None
    return EXIT_CODE if read_training(trial.train()) is None else 0


@contextlib.contextmanager
def _passing_on() -> Iterator[None]:
    """Inside the block signals are for the processes: they agree on a step, write a checkpoint and end."""

    def pass_on(number: int, _frame: FrameType | None) -> None:
        processes = psutil.Process().children()
        if not processes:  # nothing has begun
            raise KeyboardInterrupt
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _meeting(nodes: int) -> dict[str, object]:
    """Where the processes find each other: on this machine, or on the first node of the Slurm job."""
    if nodes == 1:
        return {"rdzv_backend": "c10d", "rdzv_endpoint": "localhost:0", "run_id": uuid.uuid4().hex}
    job, head = slurm.own_job(), slurm.first_node()
    if job is None or head is None:
        raise TrialError(f"resources.nodes: {nodes} nodes train together in a Slurm job only; this is none")
    return {
        "rdzv_backend": "static",
        "rdzv_endpoint": f"{head}:{FIRST_PORT + int(job) % PORTS}",
        "rdzv_configs": {"rank": slurm.node(), "timeout": JOINED_WITHIN},
        "run_id": job,
    }
