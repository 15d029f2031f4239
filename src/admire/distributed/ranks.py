"""The processes of one training or evaluation, and the few small values that they exchange. These use a process group of their own
with a timeout of PATIENCE, because a training's first process may wait for hours until another one has released the trial.
"""

from __future__ import annotations

import datetime
import os
from typing import Any, TypeVar

Value = TypeVar("Value")

PATIENCE = datetime.timedelta(days=30)
# Errors of gloo and NCCL have one of these texts when another process is gone.
GONE = ("closed by peer", "reset by peer", "Broken pipe", "remote process exited")


class Ranks:
    """This process among those that torchrun started. In a process that was started alone, all methods return at once.

    Attributes:
        rank: the number of this process, from 0.
        local: its number among the processes of this node, which is also the number of its GPU.
        size: the number of processes on all nodes.
    """

    def __init__(self) -> None:
        self.rank, self.size = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        self.local = int(os.environ.get("LOCAL_RANK", "0"))
        self._channel: Any = None
        if self.size > 1:
            import torch
            from torch import distributed

            if not distributed.is_initialized():
                gpu = torch.cuda.is_available()
                distributed.init_process_group("cpu:gloo,cuda:nccl" if gpu else "gloo")
            self._channel = distributed.new_group(backend="gloo", timeout=PATIENCE)

    @property
    def first(self) -> bool:
        """Whether this is process 0, the only one that holds the lease, writes files and prints."""
        return self.rank == 0

    def broadcast(self, value: Value) -> Value:
        """Return the value of the first process. All processes must call this."""
        if self.size == 1:
            return value
        from torch import distributed

        values = [value]
        distributed.broadcast_object_list(values, src=0, group=self._channel)
        return values[0]

    def gather(self, value: Value) -> list[Value]:
        """Return the values of all processes in the order of their numbers. All processes must call this."""
        if self.size == 1:
            return [value]
        from torch import distributed

        values: list[Any] = [None] * self.size
        distributed.all_gather_object(values, value, group=self._channel)
        return values

    def all_reduce_max(self, *values: int) -> tuple[int, ...]:
        """Return for each of the values its maximum over all processes. All processes must call this."""
        if self.size == 1:
            return values
        import torch
        from torch import distributed

        numbers = torch.tensor(values)
        distributed.all_reduce(numbers, distributed.ReduceOp.MAX, group=self._channel)
        return tuple(numbers.tolist())

    def barrier(self) -> None:
        """Return when all processes have called this."""
        self.all_reduce_max(0)

    def lost_another(self, error: Exception) -> bool:
        """Whether an error only reports that another process is gone. The cause is then known there, or that one was killed."""
        return self.size > 1 and any(words in str(error) for words in GONE)

    def leave(self) -> None:
        """Leave the process group at the end. Torch warns about processes that exit without doing so."""
        if self.size > 1:
            from torch import distributed

            distributed.destroy_process_group()
