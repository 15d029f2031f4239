"""At most one process does a thing: trains a trial, runs a campaign.

A lease is a file created exclusively, holding who made it; its holder renews it by touching it. It is stale when its
process is gone (same machine), or when who wants it has watched for `beats` periods and saw no renewal (any machine). Clocks
are never compared: whether the file's time changes counts, not what it says. Slurm jobs that outlive their controller keep
theirs alive, so a second controller's job waits instead of training the same trial beside them. A holder that was asleep too
long (a stopped process, a lost network) finds out by `lost` and stops.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil

from admire.trials.atomic_files import open_state

PERIOD = 5.0  # seconds between renewals
BEATS = 12  # renewals that may be missed: a minute, more than attribute caching on NFS delays
LOOK = 3  # periods that count as watched between two looks, at most: who was stopped meanwhile has seen nothing


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
        self._beat: tuple[str, int] | None = None  # the holder and its last renewal, as seen from here
        self._looked = 0.0
        self._silent = 0.0  # seconds for which it was watched and stayed the same

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
        """Who holds the lease as far as is known now; None when it is free, or stale.

        One look cannot tell whether a holder on another machine still lives: it counts as living until it was looked at for
        `beats` periods and renewed nothing. `watch` waits until that is known.
        """
        try:
            with open(
                self.path, encoding="utf-8"
            ) as stream:  # on NFS it is the opening that asks for the file's true time
                seen, renewed = json.loads(stream.read()), os.fstat(stream.fileno()).st_mtime_ns
        except (FileNotFoundError, json.JSONDecodeError):
            return None
        self._count_silence((seen["id"], renewed))
        if self._silent > self.period * self.beats:
            return None
        if _here(seen) and not _lives(seen, silent=self._silent > 2 * self.period):
            return None
        return seen

    def watch(self, waiting: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any] | None:
        """Who holds the lease for certain; None when nobody does. A holder is certain at once when it is a process of this machine
        that renewed a moment ago, and otherwise when it renews.

        Args:
            waiting: called once with the holder when it takes time to know.
        """
        seen = self.holder()
        first = self._beat
        while seen is not None and self._beat == first and not (_here(seen) and self.age < 2 * self.period):
            if waiting is not None:
                waiting(seen)
                waiting = None
            time.sleep(self.period / 5)
            seen = self.holder()
        return seen

    @property
    def age(self) -> float:
        """Seconds between the last renewal and now by this machine's clock, which may be wrong. 0 without a lease."""
        try:
            return abs(time.time() - self.path.stat().st_mtime)
        except FileNotFoundError:
            return 0.0

    def take(self) -> bool:
        """Take the lease if it is free or stale; False while another process holds it."""
        if self.holder() is not None:
            return False
        with self._alone(wait=False) as alone:
            if not alone or self.holder() is not None:
                return False
            self.path.unlink(missing_ok=True)  # stale
            return self._create()

    def claim(self, waiting: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any] | None:
        """Take the lease unless another process has it for certain.

        Args:
            waiting: called once with the holder when it takes time to know whether that one lives.

        Returns:
            The holder; None when the lease is ours now.
        """
        while not self.take():
            if (seen := self.watch(waiting)) is not None:
                return seen
            time.sleep(self.period / 5)
        return None

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
            wait: wait until it is free; otherwise the block gets False as soon as another process is known to have it.
            waiting: called once with the holder when there is one to wait for.
        """
        if not wait:
            self.watch(waiting)
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
        with open_state(self.path.with_name(f"{self.path.name}.lock")) as stream:
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
            "ticks": _ticks(os.getpid()),
            "machine": _machine(),
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

    def _count_silence(self, beat: tuple[str, int]) -> None:
        """Add up for how long the holder has renewed nothing, by this process's own steady clock."""
        now = time.monotonic()
        same = beat == self._beat
        self._silent = self._silent + min(now - self._looked, LOOK * self.period) if same else 0.0
        self._beat, self._looked = beat, now

    def _renew(self) -> None:
        while not self._stop.wait(self.period):
            with contextlib.suppress(
                OSError
            ):  # a full or absent disk must not end a training; the next beat tries again
                if not self.held():
                    self._lost.set()
                    return
                os.utime(self.path)


@functools.cache
def _machine() -> str | None:
    """Within what a process number names one process: this start of this machine's kernel, and the namespace of numbers."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # not a Linux
        return None


def _here(seen: dict[str, Any]) -> bool:
    """Whether the process that wrote the lease is, or was, one of this machine: then its number says whether it lives."""
    return seen["host"] == socket.gethostname() and seen.get("machine", _machine()) == _machine()


def _ticks(pid: int) -> int | None:
    """When a process began, in ticks since the machine did: no wall clock changes it."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    except OSError:
        return None


def _lives(seen: dict[str, Any], silent: bool) -> bool:
    """Whether the process that wrote the lease still lives on this machine: one of the same number that began at another time
    is another one.

    Where ticks are not known, beginnings are reckoned from the wall clock, which may be set while both run: then another
    beginning counts only while the lease is not being renewed.
    """
    try:
        process = psutil.Process(seen["pid"])
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        if seen.get("ticks") is not None:
            return seen["ticks"] == _ticks(seen["pid"])
        return not silent or abs(process.create_time() - seen["started"]) < 1
    except psutil.NoSuchProcess:
        return False
