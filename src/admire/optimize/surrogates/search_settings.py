"""Make the process fit for searches: thousands of small computations, one after the other, with matrices of a few megabytes.

It finds the same, sooner.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits

from admire.allocator import keep_freed_memory

KEPT_FREE = 512 << 20  # bytes of memory that the process keeps for the next search


@contextmanager
def searching() -> Iterator[None]:
    """While it lasts PyTorch's and SciPy's steps take one thread: they are short, and several would only wait for each other.

    Exponentials of 300 length-scales already go to several; on two cores with other work that took five times the CPU time. What
    is found is also the same to the bit on any number of cores. From then on the process keeps the memory that it frees: to have
    it taken away and given back again, page by page, took a quarter of the time.
    """
    keep_freed_memory(KEPT_FREE)
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)
