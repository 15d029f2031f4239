"""Keeps freed memory in the process. Trainings on CPU and searches free and take the same tensors again and again, and the C
library gives such blocks back to the system each time: page faults were a quarter of the CPU time of either."""

from __future__ import annotations

import ctypes
from functools import cache

# Numbers of glibc's parameters, mallopt(3)
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
M_MMAP_MAX = -4
MAPPED_FROM = 32 << 20  # the largest that glibc takes for M_MMAP_THRESHOLD
EVERYTHING = 2**31 - 1


@cache
def keep_freed_memory(most: int | None = None) -> None:
    """Let glibc give no memory back to the system; elsewhere nothing happens. Results stay the same.

    Args:
        most: bytes that are kept free, of blocks below 32 MiB; None: all of it, larger blocks too.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    if most is None:
        mallopt(M_MMAP_MAX, 0)
    else:
        mallopt(M_MMAP_THRESHOLD, MAPPED_FROM)
    mallopt(M_TRIM_THRESHOLD, EVERYTHING if most is None else most)
