"""The processes of one training or evaluation, and the values that they exchange: few and small things, on a channel of their own
that waits as long as it takes (a training's first process may wait for hours until another trainer of the trial is gone).
"""

from __future__ import annotations

import datetime
import os
from typing import Any, TypeVar

Told = TypeVar("Told")

PATIENCE = datetime.timedelta(days=30)
# what gloo and NCCL say when another process is gone
GONE = ("closed by peer", "reset by peer", "Broken pipe", "remote process exited")


class Ranks:
    """This process among those that torchrun started; one that was started alone has nobody to talk to.

    Attributes:
        rank: its number.
        local: its number on this node, and that of its GPU.
        size: how many there are.
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
        """Whether this process is the one that holds the lease, writes and speaks."""
        return self.rank == 0

    def broadcast(self, value: Told) -> Told:
        """The first process's value, on all."""
        if self.size == 1:
            return value
        from torch import distributed

        values = [value]
        distributed.broadcast_object_list(values, src=0, group=self._channel)
        return values[0]

    def gather(self, value: Told) -> list[Told]:
        """The values of all processes, in their order; all get the same."""
        if self.size == 1:
            return [value]
        from torch import distributed

        values: list[Any] = [None] * self.size
        distributed.all_gather_object(values, value, group=self._channel)
        return values

    def all_reduce_max(self, *values: int) -> tuple[int, ...]:
        """The largest of each value over all processes; all get the same."""
        if self.size == 1:
            return values
        import torch
        from torch import distributed

        numbers = torch.tensor(values)
        distributed.all_reduce(numbers, distributed.ReduceOp.MAX, group=self._channel)
        return tuple(numbers.tolist())

    def barrier(self) -> None:
        """Return when all processes have come here."""
        self.all_reduce_max(0)

    def lost_another(self, error: Exception) -> bool:
        """Whether an error says only that another process is gone: that one knows why, or was killed."""
        return self.size > 1 and any(words in str(error) for words in GONE)

    def leave(self) -> None:
        """Take leave of the others at the end."""
        if self.size > 1:
            from torch import distributed

            distributed.destroy_process_group()
