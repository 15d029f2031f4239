"""At most one process does a thing: trains a trial, runs a campaign.

A lease is a file created exclusively, holding who made it; its holder renews it by touching it. It is stale when its
process is gone (same host) or it was not renewed for `beats` periods (any host; clocks must agree to that). Slurm jobs
that outlive their controller keep theirs alive, so a second controller's job waits instead of training the same trial
beside them. A holder that was asleep too long (a stopped process, a lost network) finds out by `lost` and stops.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

PERIOD = 5.0  # seconds between renewals
BEATS = 12  # renewals that may be missed: a minute, more than attribute caching on NFS delays


class Lease:
    """A lease on `path`.

    Example:
        >>> with Lease(trial.lease).hold(wait=True):
        ...     train()
    """

    def __init__(self, path: Path, period: float = PERIOD, beats: int = BEATS) -> None:
        self.path, self.period, self.beats = Path(path), period, beats
        self.mine = f"{socket.gethostname()}:{os.getpid()}:{time.time_ns()}"
        self._stop = threading.Event()
        self._lost = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def lost(self) -> bool:
        """Whether another process took the lease while this one should have renewed it (known a period later)."""
        return self._lost.is_set()

    def held(self) -> bool:
        """Whether the file says now that the lease is ours: to be asked before anything irrevocable is written."""
        try:
            return json.loads(self.path.read_text(encoding="utf-8"))["id"] == self.mine
        except (FileNotFoundError, json.JSONDecodeError):
            return False

    def holder(self) -> dict[str, Any] | None:
        """Who holds the lease now; None when it is free or stale."""
        try:
            seen = json.loads(self.path.read_text(encoding="utf-8"))
            age = time.time() - self.path.stat().st_mtime
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        if age > self.period * self.beats:
            return None
        if seen["host"] == socket.gethostname() and not _lives(seen, silent=age > 2 * self.period):
            return None
        return seen

    def take(self) -> bool:
        """Take the lease if it is free or stale; False while another process holds it."""
        if self.holder() is not None:
            return False
        with self._alone(wait=False) as alone:
            if not alone or self.holder() is not None:
                return False
            self.path.unlink(missing_ok=True)  # stale
            return self._create()

    def release(self) -> None:
        """Stop renewing and remove the file, if it is still ours."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        with self._alone(wait=True):
            if self.held():
                self.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def hold(self, wait: bool, waiting: Callable[[dict[str, Any]], None] | None = None) -> Iterator[bool]:
        """Hold the lease for a block.

        Args:
            wait: wait until it is free; otherwise the block gets False at once when another process has it.
            waiting: called once with the holder when there is one to wait for.
        """
        while not (taken := self.take()) and wait:
            if waiting is not None and (other := self.holder()) is not None:
                waiting(other)
                waiting = None
            time.sleep(self.period / 5)
        try:
            yield taken
        finally:
            if taken:
                self.release()

    @contextlib.contextmanager
    def _alone(self, wait: bool) -> Iterator[bool]:
        """One process at a time looks and acts, so that nobody removes what another has just taken.

        Who wants the lease does not wait here: a process that is stopped while it looks must not block the others.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path.with_name(f"{self.path.name}.lock"), "a", encoding="utf-8") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            yield True

    def _create(self) -> bool:
        value = {
            "id": self.mine,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": psutil.Process().create_time(),
            "job": os.environ.get("SLURM_JOB_ID"),
        }
        # link() is exclusive even where flock() is not (some shared file systems), and the file is whole from its birth
        whole = self.path.with_name(f".{self.path.name}.{socket.gethostname()}.{os.getpid()}.{time.time_ns()}")
        whole.write_text(json.dumps(value), encoding="utf-8")
        try:
            # NFS may repeat a link() whose answer was lost and then report that the name exists: the content decides
            with contextlib.suppress(FileExistsError):
                os.link(whole, self.path)
        finally:
            whole.unlink()
        if not self.held():
            return False
        self._stop.clear()
        self._lost.clear()
        self._thread = threading.Thread(target=self._renew, daemon=True)
        self._thread.start()
        return True

    def _renew(self) -> None:
        while not self._stop.wait(self.period):
            with contextlib.suppress(
                OSError
            ):  # a full or absent disk must not end a training; the next beat tries again
                if not self.held():
                    self._lost.set()
                    return
                os.utime(self.path)


def _lives(seen: dict[str, Any], silent: bool) -> bool:
    """Whether the process that wrote the lease still lives on this host.

    A process of the same number that started at another time is another one, if the lease is not being renewed: start
    times are reckoned from the wall clock, which may be set while both run.
    """
    try:
        process = psutil.Process(seen["pid"])
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return not silent or abs(process.create_time() - seen["started"]) < 1
    except psutil.NoSuchProcess:
        return False
