"""Start the processes of a training or an evaluation on this node by torchrun's own launcher, and say how it went.

It runs in this process, which Slurm started and tells of its warning, rather than in the command `torchrun`: that one exits
with 1 for an interruption as for a failure, and a second signal makes it leave its processes alone in their last checkpoint.
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
from admire.errors import TrialError
from admire.trials import slurm_jobs

# that are passed on to the processes
SIGNALS = (signal.SIGTERM, signal.SIGURG, signal.SIGINT)
# for the other nodes to come
JOINED_WITHIN = 900
# a job's own port on its first node
FIRST_PORT, PORTS = 20_000, 20_000


class ProcessEndedError(Exception):
    """One of the processes broke or was killed: which one, and how, in words.

    Attributes:
        what: the same without where to read more.
        signal: the name of the signal that killed it; None for one that broke.
    """

    def __init__(self, what: str, signal: str | None = None) -> None:
        super().__init__(f"{what}; what it said stands above")
        self.what, self.signal = what, signal


def start_processes(
    entrypoint: Callable[..., Any] | str, *arguments: Any, processes: int, threads: int, nodes: int = 1
) -> dict[int, Any]:
    """Run a function or a program in several processes on this node and wait for their end.

    Args:
        entrypoint: what each process runs: a function that can be pickled, or a program.
        arguments: what it is given, the same to all.
        processes: on this node.
        threads: CPU threads of each.
        nodes: how many nodes do the same at the same time.

    Returns:
        The number of a process -> what its function returned.

    Raises:
        ProcessEndedError: if a process broke or was killed; the others are ended then.
        KeyboardInterrupt: if a signal came before any had begun.
        TrialError: if nodes should work together outside a Slurm job.
    """
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)  # the processes say it themselves
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    config = LaunchConfig(
        min_nodes=nodes,
        max_nodes=nodes,
        nproc_per_node=processes,
        max_restarts=0,  # what begins again is decided outside, where attempts are counted
        signals_to_handle="SIGQUIT",  # the others are passed on here
        **_meeting(nodes),
    )
    try:
        with _passing_on():
            return elastic_launch(config, entrypoint)(*arguments)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode < 0:
            name = failure.signal_name()
            raise ProcessEndedError(f"process {rank} was killed by {name}", name) from None
        # a function's error is known here, a program's is not
        said: Any = failure.message  # its type says text, and it is a mapping for a function
        why = f" ({said['message']})" if isinstance(said, dict) else ""
        raise ProcessEndedError(f"process {rank} broke{why}") from None


@contextlib.contextmanager
def _passing_on() -> Iterator[None]:
    """Inside the block signals are for the processes, which know what to do: a training's write a checkpoint."""

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


def _meeting(nodes: int) -> dict[str, Any]:
    """Where the processes find each other: on this machine, or on the first node of the Slurm job."""
    if nodes == 1:
        return {"rdzv_backend": use_loopback(), "rdzv_endpoint": ADDRESS, "run_id": uuid.uuid4().hex}
    job, head = slurm_jobs.own_job(), slurm_jobs.first_node()
    if job is None or head is None:
        raise TrialError(f"resources.nodes: {nodes} nodes train together in a Slurm job only; this is none")
    return {
        "rdzv_backend": "static",
        "rdzv_endpoint": f"{head}:{FIRST_PORT + int(job) % PORTS}",
        "rdzv_configs": {"rank": slurm_jobs.node(), "timeout": JOINED_WITHIN},
        "run_id": job,
    }
