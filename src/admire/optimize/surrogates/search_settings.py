"""Process settings that speed up a search, which is thousands of small computations in a row on matrices of a few megabytes.

They change how long a search takes, not what it finds.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

from admire.allocator import keep_freed_memory

KEPT_FREE = 512 << 20  # the process keeps up to this many bytes of freed memory for the next search


@contextmanager
def searching() -> Iterator[None]:
    """A context in which PyTorch and BLAS use one thread; results are then the same to the bit on any number of cores.

    The operations are so short that several threads mostly wait for each other: PyTorch splits even the exponentials of 300
    length-scales, which took five times the CPU time on two busy cores. The process also keeps freed memory, during the context
    and after it: returning pages to the system and getting them back took a quarter of the time.
    """
    keep_freed_memory(KEPT_FREE)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)
