"""Make the process fit for searches: thousands of small computations, one after the other, with matrices of a few megabytes.

It finds the same, sooner.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from threadpoolctl import threadpool_limits

# Numbers of glibc's parameters (malloc.h), and what they are set to, in bytes: the largest that it takes for the first.
M_MMAP_THRESHOLD, MAPPED_FROM = -3, 32 << 20
M_TRIM_THRESHOLD, KEPT_FREE = -1, 512 << 20


@contextmanager
def searching() -> Iterator[None]:
    """While it lasts PyTorch's and SciPy's steps take one thread: they are short, and several would only wait for each other.

    Exponentials of 300 length-scales already go to several; on two cores with other work that took five times the CPU time. What
    is found is also the same to the bit on any number of cores. From then on the process keeps the memory that it frees: to have
    it taken away and given back again, page by page, took a quarter of the time.
    """
    _keep_freed_memory()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"):
            yield
    finally:
        torch.set_num_threads(before)


@cache
def _keep_freed_memory() -> None:
    """Has no effect where the C library is not glibc."""
    set_parameter = getattr(ctypes.CDLL(None), "mallopt", None)
    if set_parameter is not None:
        set_parameter(M_MMAP_THRESHOLD, MAPPED_FROM)
        set_parameter(M_TRIM_THRESHOLD, KEPT_FREE)
