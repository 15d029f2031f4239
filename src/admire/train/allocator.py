"""Keeps freed memory in the process. Training on CPU frees and takes the same large tensors each step, and the C library
gives such blocks back to the system each time: page faults were a quarter of the CPU time of a tiny model's training."""

from __future__ import annotations

import ctypes

# mallopt(3), glibc
M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4


def keep_freed_memory() -> None:
    """Let glibc take memory from the heap only and never shrink it; elsewhere nothing happens. Results stay the same."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
