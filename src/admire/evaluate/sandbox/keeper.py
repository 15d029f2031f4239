"""The process between scorer and programs. It forks a program and its judge, limits them, and ends all their processes.

It receives programs on its standard input and answers on its standard output, one line of JSON per program. The judge's tests come
as an open file that only the judge reads, so neither the keeper nor a program has them in memory.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import json
import os
import resource
import select
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import psutil

from admire.evaluate.sandbox import children
from admire.evaluate.sandbox.ending import end_all
from admire.evaluate.sandbox.limits import Limits
from admire.evaluate.sandbox.privileges import adopt_orphans, close_to_others, drop_privileges, keep_signals_inside

LOOK = 0.1  # The resources that a program uses are measured every so many seconds.
THREADS = 4  # The limit on threads allows so many per process.
MOST_ENTRIES = 100_000  # A program's folder may hold so many files and folders.


def serve(files: int) -> None:
    """Answer until standard input ends. The first line holds the limits, and each further line a program.

    Args:
        files: the file descriptor of a socket over which the files with the judges' tests come.
    """
    adopt_orphans()
    close_to_others()
    drop_privileges()
    settings = json.loads(sys.stdin.readline())
    keeper = Keeper(Limits(**settings["limits"]), settings["apart"], socket.socket(fileno=files))
    _say({"ready": True})
    for line in sys.stdin:
        _say(keeper.judged(json.loads(line)))


def _say(answer: dict[str, Any]) -> None:
    print(json.dumps(answer), flush=True)


class Keeper:
    """Runs programs one after the other.

    Args:
        limits: how much one program may use.
        apart: whether the keeper has processes and temporary folders of its own, so that all files that a program leaves can be
            removed.
        files: a socket over which the files with the judges' tests come.
    """

    def __init__(self, limits: Limits, apart: bool, files: socket.socket) -> None:
        self.limits, self.apart, self.files = limits, apart, files
        self.before = _left() if apart else set()

    def judged(self, request: dict[str, Any]) -> dict[str, Any]:
        """Run one program; returns whether it passed and, if a limit ended it, which one."""
        folder = tempfile.mkdtemp(prefix="program-")
        reading, writing = os.pipe()
        try:
            if request["kind"] == "calls":
                self._start_with_judge(request, folder, writing)
            else:
                run = children.run_unit_tests if request["kind"] == "unit tests" else children.run_script
                self._fork(functools.partial(run, request["program"], writing), folder, (writing,), is_program=True)
            os.close(writing)
            writing = -1
            return _watched(reading, folder, self.limits)
        finally:
            if not end_all():  # This ends the keeper, and the scorer starts another one.
                raise SystemExit("a process of a program cannot be ended")
            os.close(reading)
            if writing >= 0:
                os.close(writing)
            self._remove(folder)

    def _start_with_judge(self, request: dict[str, Any], folder: str, verdict: int) -> None:
        ours, theirs = socket.socketpair()
        most = self.limits.message_bytes
        answer = functools.partial(children.answer_calls, request["program"], request["entry_point"], theirs, most)
        self._fork(answer, folder, (theirs.fileno(),), is_program=True)
        theirs.close()
        # The tests are received only now, so that the program's fork, made above, does not have them.
        _, (tests,), _, _ = socket.recv_fds(self.files, 1, 1)
        judge = functools.partial(children.judge_by_calls, tests, ours, verdict, most)
        self._fork(judge, "/", (ours.fileno(), verdict, tests), is_program=False)
        os.close(tests)
        ours.close()

    def _fork(self, work: Callable[[], NoReturn], folder: str, keeps: tuple[int, ...], is_program: bool) -> None:
        if os.fork():
            return
        try:
            os.setsid()
            os.chdir(folder)
            os.environ["HOME"] = folder
            _keep_open(keeps)
            _limit(self.limits, self.apart)
            if is_program:
                close_to_others(False)
                keep_signals_inside()
            work()
        finally:
            os._exit(1)

    def _remove(self, folder: str) -> None:
        """Remove the program's folder and, if the keeper is apart, all other files that the program left."""
        _remove_tree(folder)
        for path in _left() - self.before if self.apart else ():
            if path.is_dir() and not path.is_symlink():
                _remove_tree(str(path))
            else:
                with contextlib.suppress(OSError):
                    path.unlink()


def _remove_tree(folder: str) -> None:
    """Remove a folder, also one that is closed to its owner or nested too deep for Python."""
    with contextlib.suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if Path(folder).is_dir():
        for command in (["chmod", "-R", "u+rwx"], ["rm", "-rf"]):
            subprocess.run([*command, "--", folder], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def _left() -> set[Path]:
    """The contents of the folders that everybody may write to."""
    return {path for place in ("/tmp", "/dev/shm") for path in Path(place).iterdir()}


def _keep_open(kept: tuple[int, ...]) -> None:
    """Close every file but these. Standard input becomes empty, and standard output and error are discarded."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    low = 3
    for file in sorted(kept):
        os.closerange(low, file)
        low = file + 1
    os.closerange(low, min(resource.getrlimit(resource.RLIMIT_NOFILE)[0], 1 << 16))
    # Python's stream objects still belong to the keeper's pipes, so they are replaced.
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w")


def _limit(limits: Limits, apart: bool) -> None:
    seconds = max(int(limits.seconds), 1)
    for what, most in (
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, limits.address_space),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CORE, 0),
        # The kernel counts all threads of a user, also those outside, unless the sandbox has users of its own.
        *([(resource.RLIMIT_NPROC, THREADS * limits.processes)] if apart else []),
    ):
        hard = resource.getrlimit(what)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (most, most))


def _watched(verdict: int, folder: str, limits: Limits) -> dict[str, Any]:
    """Wait until the verdict arrives or a limit is exceeded."""
    end = time.monotonic() + limits.seconds
    while True:
        left = end - time.monotonic()
        if left <= 0:
            return {"passed": False, "ended": f"after {limits.seconds:g} s"}
        if select.select([verdict], [], [], min(LOOK, left))[0]:
            return {"passed": os.read(verdict, len(children.PASSED)) == children.PASSED, "ended": None}
        if excess := _excess(folder, limits):
            return {"passed": False, "ended": excess}


def _excess(folder: str, limits: Limits) -> str | None:
    """The limit that the processes together exceed, in words; None if they exceed none."""
    running = psutil.Process().children(recursive=True)
    if len(running) > limits.processes + 1:  # One of them is the judge.
        return f"for more than {limits.processes} processes"
    resident = 0
    for process in running:
        with contextlib.suppress(psutil.Error):
            resident += process.memory_info().rss
    if resident > limits.memory:
        return f"for more than {limits.memory >> 20} MB of memory"
    try:
        size = _folder_bytes(folder) + sum(_unnamed_bytes(running).values())
    except _TooManyError as error:
        return str(error)
    if size > limits.folder_bytes:
        return f"for files of more than {limits.folder_bytes >> 20} MB"
    return None


class _TooManyError(Exception):
    """A program's folder has too many entries or levels to be counted."""


def _folder_bytes(folder: str) -> int:
    """The size of all files below a folder together."""
    size, entries, waiting = 0, 0, [folder]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as found:
                for entry in found:
                    entries += 1
                    if entries > MOST_ENTRIES:
                        raise _TooManyError(f"for more than {MOST_ENTRIES:,} files")
                    with contextlib.suppress(FileNotFoundError):
                        size += entry.stat(follow_symlinks=False).st_size
                        waiting += [entry.path] if entry.is_dir(follow_symlinks=False) else []
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                raise _TooManyError("for folders that are nested too deep") from None
    return size


def _unnamed_bytes(running: list[psutil.Process]) -> dict[tuple[int, int], int]:
    """Device and number -> size, of the files without a name (deleted ones, and those in memory) that processes hold open."""
    found = {}
    for process in running:
        with contextlib.suppress(OSError):  # The process has ended, or it is the judge.
            for entry in os.scandir(f"/proc/{process.pid}/fd"):
                with contextlib.suppress(OSError):
                    status = entry.stat()
                    if status.st_nlink == 0 and stat.S_ISREG(status.st_mode):
                        found[status.st_dev, status.st_ino] = status.st_blocks * 512
    return found
