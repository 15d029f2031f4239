"""Starts the processes of a training or an evaluation on this node with torchrun's launcher, waits for them, and reports failures.

The launcher runs inside this process, which Slurm started and sends its signals to, and not in the command `torchrun`. That command
exits with 1 both after an interruption and after a failure, and upon a second signal it exits at once, while its processes are
still writing their last checkpoint.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import uuid
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import psutil

from admire.distributed.loopback import ADDRESS, use_loopback
from admire.distributed.stop_signals import STOP_SIGNALS
from admire.errors import TrialError
from admire.trials import slurm_jobs

JOIN_SECONDS = 900  # Nodes of a job may start minutes apart; after so long the others are not waited for any more.
# Each job gets a port of this range on its first node by its number, because two jobs may share that node.
FIRST_PORT, PORTS = 20_000, 20_000


class ProcessEndedError(Exception):
    """One of the processes broke or was killed.

    Attributes:
        what: which process it was and how it ended, as text; the message adds where to read more.
        signal: the name of the signal that killed the process; None if it broke.
    """

    def __init__(self, what: str, signal: str | None = None) -> None:
        super().__init__(f"{what}; what it said stands above")
        self.what, self.signal = what, signal


def start_processes(
    entrypoint: Callable[..., Any] | str, *arguments: Any, processes: int, threads: int, nodes: int = 1
) -> dict[int, Any]:
    """Run a function or a program in several processes on this node and wait for their end.

    Args:
        entrypoint: the function or program that each process runs; a function must be picklable.
        arguments: the arguments of the function or program, the same for all processes.
        processes: number of processes on this node.
        threads: CPU threads per process, unless OMP_NUM_THREADS is set.
        nodes: number of nodes that call this at the same time to work together.

    Returns:
        Number of a process -> the value that its function returned.

    Raises:
        ProcessEndedError: if a process broke or was killed; the others have been ended by then.
        KeyboardInterrupt: if a signal came before any process had started.
        TrialError: if several nodes are requested outside a Slurm job.
    """
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    # The processes print their errors themselves.
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    config = LaunchConfig(
        min_nodes=nodes,
        max_nodes=nodes,
        nproc_per_node=processes,
        max_restarts=0,  # The workflow decides about restarts, because it counts the attempts.
        signals_to_handle="SIGQUIT",  # All other signals are forwarded by `_forwarding`.
        **_meeting(nodes),
    )
    try:
        with _forwarding():
            return elastic_launch(config, entrypoint)(*arguments)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode < 0:
            name = failure.signal_name()
            raise ProcessEndedError(f"process {rank} was killed by {name}", name) from None
        # The launcher knows the error of a function, but not that of a program.
        said: Any = failure.message  # The annotation says str, but for a function it is a mapping.
        why = f" ({said['message']})" if isinstance(said, dict) else ""
        raise ProcessEndedError(f"process {rank} broke{why}") from None


@contextlib.contextmanager
def _forwarding() -> Iterator[None]:
    """Inside the block, forward STOP_SIGNALS to the processes, which write a checkpoint, instead of acting on them here."""

    def forward(number: int, _frame: FrameType | None) -> None:
        processes = psutil.Process().children()
        if not processes:
            raise KeyboardInterrupt
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    before = {number: signal.signal(number, forward) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _meeting(nodes: int) -> dict[str, Any]:
    """The arguments of `LaunchConfig` that say where processes meet: on this machine, or on the first node of the Slurm job."""
    if nodes == 1:
        return {"rdzv_backend": use_loopback(), "rdzv_endpoint": ADDRESS, "run_id": uuid.uuid4().hex}
    job, head = slurm_jobs.own_job(), slurm_jobs.first_node()
    if job is None or head is None:
        raise TrialError(f"resources.nodes: {nodes} nodes train together in a Slurm job only; this is none")
    return {
        "rdzv_backend": "static",
        "rdzv_endpoint": f"{head}:{FIRST_PORT + int(job) % PORTS}",
        "rdzv_configs": {"rank": slurm_jobs.node(), "timeout": JOIN_SECONDS},
        "run_id": job,
    }
