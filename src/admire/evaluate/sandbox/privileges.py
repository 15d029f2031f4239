"""Takes privileges from the keeper and all processes that it starts, with prctl(2)."""

from __future__ import annotations

import ctypes
import os

SET_DUMPABLE, CAPBSET_DROP, SET_CHILD_SUBREAPER, SET_NO_NEW_PRIVS = 4, 24, 36, 38  # linux/prctl.h
# linux/landlock.h; the numbers of its system calls are the same on all common processors.
CREATE_RULESET, RESTRICT_SELF = 444, 446
SCOPE_ABSTRACT_SOCKETS, SCOPE_SIGNALS = 1, 2
CAPABILITIES = 64  # Linux has fewer; dropping an unknown one fails without harm.
CAPABILITY_VERSION = 0x20080522  # linux/capability.h, _LINUX_CAPABILITY_VERSION_3


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Ruleset(ctypes.Structure):
    _fields_ = [("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


def adopt_orphans(adopted: bool = True) -> None:
    """Become, or stop being, the parent of every descendant whose parent ends, so that no program can hide a process by forking
    twice."""
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, int(adopted), 0, 0, 0)


def keep_signals_inside() -> None:
    """From now on this process and its descendants can send signals to, and trace, only each other, where the kernel has Landlock
    with scopes (Linux 6.12); elsewhere nothing changes. Privileges must have been dropped before."""
    libc, rules = ctypes.CDLL(None), _Ruleset(0, 0, SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS)
    made = libc.syscall(CREATE_RULESET, ctypes.byref(rules), ctypes.c_size_t(ctypes.sizeof(rules)), 0)
    if made >= 0:
        libc.syscall(RESTRICT_SELF, made, 0)
        os.close(made)


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
