"""Giving up what a process could do beyond its user, by prctl(2): for the keeper and everything that it starts."""

from __future__ import annotations

import ctypes

SET_DUMPABLE, CAPBSET_DROP, SET_CHILD_SUBREAPER, SET_NO_NEW_PRIVS = 4, 24, 36, 38  # linux/prctl.h
CAPABILITIES = 64  # more than Linux has; unknown ones are refused without harm
CAPABILITY_VERSION = 0x20080522  # linux/capability.h, _LINUX_CAPABILITY_VERSION_3


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


def adopt_orphans() -> None:
    """Become the parent of every descendant whose parent ends, so that a double fork hides nothing."""
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def close_to_others(closed: bool = True) -> None:
    """Keep other processes of this user from this one's memory, environment and files (`/proc/PID`, ptrace), or let them again."""
    ctypes.CDLL(None).prctl(SET_DUMPABLE, 0 if closed else 1, 0, 0, 0)


def drop_privileges() -> None:
    """Lose every capability for good, where this process has any (root, or root of a namespace), and let no program regain one."""
    libc = ctypes.CDLL(None)
    for capability in range(CAPABILITIES):
        libc.prctl(CAPBSET_DROP, capability, 0, 0, 0)
    libc.prctl(SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    libc.capset(ctypes.byref(_Header(CAPABILITY_VERSION, 0)), (ctypes.c_uint32 * 6)())
