"""Leases, which ensure that at most one process trains a trial or runs a campaign.

A lease is a file that is created exclusively and names its holder; the holder renews it by touching it. It is stale when the
holder's process has ended (seen from the same machine), or when another process has watched it for `beats` periods without seeing
a renewal (seen from any machine). Clocks of machines are never compared: only changes of the file's time count, not its value.
Slurm jobs that outlive their controller keep renewing their leases, so the job of a second controller waits instead of training
the same trial beside them. A holder that could not renew for too long (it was stopped, or lost the network) learns from `lost`
that another process has taken over, and stops.
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

from admire.trials.atomic_files import open_state, open_text, read_text

PERIOD = 5.0  # seconds between renewals
# A holder may miss this many renewals: they last a minute, which is longer than NFS caches the time of a file.
BEATS = 12
# At most this many periods between two looks count as watched: a watcher that was stopped in between has seen nothing.
LOOK = 3


class Lease:
    """A lease, whose file is `path`.

    Args:
        period: seconds between two renewals.
        beats: number of periods without a renewal after which the lease is stale.

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
        # The holder and the time of its last renewal as this process saw them, when it looked, and for how many seconds it has
        # watched them without a change.
        self._beat: tuple[str, int] | None = None
        self._looked = 0.0
        self._silent = 0.0

    @property
    def lost(self) -> bool:
        """Whether another process has taken the lease from this one, known at the next renewal, one period later at most."""
        return self._lost.is_set()

    def held(self) -> bool:
        """Whether the file names this process as holder now. Check this before anything irrevocable is written."""
        try:
            return json.loads(read_text(self.path))["id"] == self.mine
        except (FileNotFoundError, json.JSONDecodeError):
            return False

    def holder(self) -> dict[str, Any] | None:
        """The holder as far as it is known now; None when the lease is free or stale.

        A single look cannot tell whether a holder on another machine still lives. It counts as living until this object has
        watched it for `beats` periods without a renewal. `watch` waits until that is known.
        """
        try:
            # NFS fetches the true time of a file only when the file is opened.
            with open_text(self.path) as stream:
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
        """Wait until it is certain whether the lease is held, and return the holder; None when there is none.

        A process of this machine that renewed the lease a moment ago is certain at once; any other holder is certain when it
        renews the lease.

        Args:
            waiting: called once with the presumed holder if certainty takes time.
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
        """Seconds since the last renewal by this machine's clock, which may differ from the holder's; 0 without a lease."""
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
            self.path.unlink(missing_ok=True)  # If the file is still there, it is stale.
            return self._create()

    def claim(self, waiting: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any] | None:
        """Take the lease unless another process certainly holds it.

        Args:
            waiting: called once with the presumed holder if it takes time to know whether it lives.

        Returns:
            The other holder; None if the lease has been taken.
        """
        while not self.take():
            if (seen := self.watch(waiting)) is not None:
                return seen
            time.sleep(self.period / 5)
        return None

    def release(self) -> None:
        """Stop renewing the lease, and remove its file if it still names this process."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        with self._alone(wait=True):
            if self.held():
                self.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def hold(self, wait: bool, waiting: Callable[[dict[str, Any]], None] | None = None) -> Iterator[bool]:
        """Hold the lease during the block.

        Args:
            wait: whether to wait until the lease is free. If not, the block gets False once another holder is certain.
            waiting: called once with the other holder if there is one to wait for.

        Yields:
            Whether the lease is held.
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
        """Let one process at a time check and change the lease, so that no process removes a lease that another has just taken.

        `take` passes `wait=False`, because a process that is stopped inside this block must not block the others.

        Yields:
            Whether this process is the one; always True with `wait`.
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
        # link() is exclusive even on shared file systems where flock() is not, and the linked file is complete from the start.
        whole = self.path.with_name(f".{self.path.name}.{socket.gethostname()}.{os.getpid()}.{time.time_ns()}")
        whole.write_text(json.dumps(value), encoding="utf-8")
        try:
            # NFS may repeat a link() whose answer was lost, and then report that the name exists. So `held` reads the content.
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
        """Add up the time for which the holder was watched without a renewal, by this process's monotonic clock."""
        now = time.monotonic()
        same = beat == self._beat
        self._silent = self._silent + min(now - self._looked, LOOK * self.period) if same else 0.0
        self._beat, self._looked = beat, now

    def _renew(self) -> None:
        while not self._stop.wait(self.period):
            # A disk that is full or away must not end a training; the next renewal tries again.
            with contextlib.suppress(OSError):
                if not self.held():
                    self._lost.set()
                    return
                os.utime(self.path)


@functools.cache
def _machine() -> str | None:
    """The scope in which a process number is unique: the boot of this machine's kernel, and the namespace of process numbers."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # Only Linux has these files.
        return None


def _here(seen: dict[str, Any]) -> bool:
    """Whether the process that wrote the lease belongs to this machine, so that its process number says whether it lives."""
    return seen["host"] == socket.gethostname() and seen.get("machine", _machine()) == _machine()


def _ticks(pid: int) -> int | None:
    """The start of a process in clock ticks since boot, which no change of the wall clock affects; None if it is unknown."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19])
    except OSError:
        return None


def _lives(seen: dict[str, Any], silent: bool) -> bool:
    """Whether the process that wrote the lease still lives on this machine. A process with the same number and another start time
    is another process.

    If the start in ticks is unknown, start times depend on the wall clock, which may be changed while both processes run. A
    different start time then counts only if the lease is not being renewed (`silent`).
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
