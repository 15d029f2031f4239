"""Ends processes whose parent this process is, or has become, together with everything that they started."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil

ENDING = 10  # After a kill, every process must have ended within so many seconds.
ROUNDS = 500  # So often direct children are killed before the whole tree is looked at again.


def end_all(chosen: Callable[[int], bool] = lambda pid: True) -> bool:
    """Kill the chosen children and all their descendants; returns whether all have ended.

    Descendants are first stopped, because a stopped process cannot start others while the rest is killed. Those that start others
    faster than the tree can be looked at are then killed as direct children: whose parent ends becomes a child of this process, if
    it adopts orphans, and listing direct children takes microseconds.

    Args:
        chosen: whether a child, by its number, is to end.
    """
    own, end = psutil.Process(), time.monotonic() + ENDING
    while time.monotonic() < end:
        tops = [child for child in own.children() if chosen(child.pid)]
        if not tops:
            return True
        tree = tops + [one for top in tops for one in _below(top)]
        for kind in (signal.SIGSTOP, signal.SIGKILL):
            for process in tree:
                with contextlib.suppress(psutil.Error):
                    process.send_signal(kind)
        for _ in range(ROUNDS):
            pids = [pid for pid in _children() if chosen(pid)]
            if not pids:
                break
            for pid in pids:
                _end(pid)
        time.sleep(0.0005)
    return not any(chosen(child.pid) for child in own.children())


def _below(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _children() -> list[int]:
    """The numbers of the direct children. A number stays theirs until `_end` has waited for them, so none is another's by then."""
    try:
        listed = [(task / "children").read_text(encoding="ascii") for task in Path("/proc/self/task").iterdir()]
    except OSError:  # The kernel was built without these files.
        return [child.pid for child in psutil.Process().children()]
    return [int(pid) for line in listed for pid in line.split()]


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
