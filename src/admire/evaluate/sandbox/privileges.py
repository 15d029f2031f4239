"""Takes privileges from the keeper and all processes that it starts, with prctl(2)."""

from __future__ import annotations

import ctypes

SET_DUMPABLE, CAPBSET_DROP, SET_CHILD_SUBREAPER, SET_NO_NEW_PRIVS = 4, 24, 36, 38  # linux/prctl.h
CAPABILITIES = 64  # Linux has fewer; dropping an unknown one fails without harm.
CAPABILITY_VERSION = 0x20080522  # linux/capability.h, _LINUX_CAPABILITY_VERSION_3


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


def adopt_orphans() -> None:
    """Become the parent of every descendant whose parent ends, so that no program can hide a process by forking twice."""
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def close_to_others(closed: bool = True) -> None:
    """Close this process's memory, environment and files (`/proc/PID`, ptrace) to other processes of the user, or reopen them."""
    ctypes.CDLL(None).prctl(SET_DUMPABLE, 0 if closed else 1, 0, 0, 0)


def drop_privileges() -> None:
    """Give up all capabilities, which a process of root (also of a namespace) has, so that no descendant can regain one."""
    libc = ctypes.CDLL(None)
    for capability in range(CAPABILITIES):
        libc.prctl(CAPBSET_DROP, capability, 0, 0, 0)
    libc.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.capset(ctypes.byref(_Header(CAPABILITY_VERSION, 0)), (ctypes.c_uint32 * 6)())
