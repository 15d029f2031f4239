"""A lease is held by one process at a time, whoever dies, sleeps or hurries."""

from __future__ import annotations

import fcntl
import json
import multiprocessing
import os
import random
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from admire.trials import lease as module
from admire.trials.lease import Lease

fork = multiprocessing.get_context("fork")
PERIOD, BEATS = 0.05, 60  # three seconds without a renewal: on a busy machine a living holder may need one


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trial" / "lease.json"


def lease(path: Path) -> Lease:
    return Lease(path, PERIOD, BEATS)


def wait_for(condition: Callable[[], Any]) -> None:
    limit = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.005)


def hold_for_ever(path: Path) -> None:
    assert lease(path).take()
    signal.pause()


def write(path: Path, age: float = 0.0, **over: Any) -> None:
    """A lease as some process wrote it."""
    process = psutil.Process()
    seen = {
        "id": "other",
        "host": socket.gethostname(),
        "pid": process.pid,
        "started": process.create_time(),
        "job": None,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(seen | over))
    os.utime(path, (time.time() - age, time.time() - age))


def test_one_holder_at_a_time(path: Path) -> None:
    first, second = lease(path), lease(path)
    assert first.take() and first.held() and not second.take()
    assert second.holder()["pid"] == os.getpid()
    first.release()
    assert not path.exists() and second.take()
    second.release()


def test_renewed_while_held(path: Path) -> None:
    first = lease(path)
    assert first.take()
    born = path.stat().st_mtime_ns
    for _ in range(3):
        wait_for(lambda: path.stat().st_mtime_ns > born)
        born = path.stat().st_mtime_ns
    assert not lease(path).take() and not first.lost
    first.release()


def test_the_lease_of_a_killed_process_is_free_at_once(path: Path) -> None:
    process = fork.Process(target=hold_for_ever, args=(path,))
    process.start()
    wait_for(path.is_file)
    contender = Lease(path)  # periods of seconds: it is not the time that frees it
    assert not contender.take()
    process.kill()
    process.join()
    assert contender.take()
    contender.release()


class Clock:
    """The module's time, which stands still unless it is told to pass."""

    def __init__(self) -> None:
        self.now, self.wall = 1000.0, time.time()

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.wall

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def time_ns(self) -> int:
        return time.time_ns()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


def beat(path: Path, wall: float) -> None:
    """A renewal by a machine whose clock says `wall`."""
    os.utime(path, (wall, wall))


YEAR = 365.25 * 24 * 3600
CLOCKS = [0.0, 300.0, -300.0, 3 * YEAR, -20 * YEAR]


@pytest.mark.parametrize("ahead", CLOCKS)
def test_a_holder_elsewhere_keeps_its_lease_whatever_its_clock_says(path: Path, clock: Clock, ahead: float) -> None:
    write(path, host="elsewhere", pid=1)
    contender = Lease(path)
    for step in range(200):
        if step % 5 == 0:
            beat(path, clock.wall + ahead + step)
        assert not contender.take()
        clock.sleep(1)


@pytest.mark.parametrize("ahead", CLOCKS)
def test_a_holder_elsewhere_that_renews_nothing_loses_its_lease(path: Path, clock: Clock, ahead: float) -> None:
    write(path, age=-ahead, host="elsewhere", pid=1)
    contender, began = Lease(path), clock.now
    while not contender.take():
        clock.sleep(1)
    contender.release()
    assert module.PERIOD * module.BEATS < clock.now - began < module.PERIOD * module.BEATS + 3


def test_clocks_that_are_set_back_and_times_in_whole_minutes_free_nothing(path: Path, clock: Clock) -> None:
    write(path, host="elsewhere", pid=1)
    contender = Lease(path)
    for step in range(300):
        shown = clock.wall - 7 * step  # set back all the time
        beat(path, shown - shown % 50)  # as a file system stores it
        assert not contender.take()
        clock.sleep(1)


def test_a_contender_that_was_stopped_has_not_watched(path: Path, clock: Clock) -> None:
    """Two jobs that are suspended together: the contender wakes first and sees what it saw before."""
    write(path, host="elsewhere", pid=1)
    contender = Lease(path)
    assert not contender.take()
    clock.sleep(3600)
    assert not contender.take()
    beat(path, clock.wall + 1)
    assert not contender.take()


def test_one_look_says_nothing_of_another_machine_and_watching_does(path: Path, clock: Clock) -> None:
    write(path, age=3600, host="elsewhere", pid=1)
    assert Lease(path).holder()["pid"] == 1
    told: list[int] = []
    assert Lease(path).watch(lambda holder: told.append(holder["pid"])) is None and told == [1]
    contender = Lease(path)
    contender.holder()
    beat(path, clock.wall - 1000)
    assert contender.holder() is not None
    claimed = Lease(path)
    assert claimed.claim() is None and claimed.held()
    claimed.release()


def test_a_living_holder_elsewhere_is_known_by_its_next_renewal(path: Path) -> None:
    write(path, age=-3600, host="elsewhere", pid=1)
    threading.Timer(PERIOD, beat, (path, time.time() - 7200)).start()
    assert lease(path).claim()["pid"] == 1


def test_another_start_of_this_machine_is_another_machine(path: Path, clock: Clock) -> None:
    """Process numbers of before a reboot, or of another container of this name, say nothing."""
    mine = Lease(path)
    assert mine.take()
    seen = json.loads(path.read_text())
    mine.release()
    write(path, **{**seen, "machine": "another boot", "pid": psutil.pids()[-1] + 100_000_000})
    contender = Lease(path)
    assert not contender.take(), "it may live"
    assert contender.claim() is None
    contender.release()


def test_a_process_number_used_again_is_another_process(path: Path, clock: Clock) -> None:
    write(path, started=psutil.Process().create_time() - 1000)
    looking = Lease(path)
    assert looking.holder() is not None, "no ticks are known: the wall clock may have been set"
    for _ in range(12):
        clock.sleep(1)
        found = looking.holder()
    assert found is None
    write(path, ticks=module._ticks(os.getpid()) - 1)
    assert Lease(path).holder() is None, "known at once"
    write(path, ticks=module._ticks(os.getpid()), started=0)
    assert Lease(path).holder() is not None


def test_a_torn_file_is_free(path: Path) -> None:
    write(path)
    path.write_text(path.read_text()[:10])
    taken = lease(path)
    assert taken.take()
    taken.release()


def test_who_slept_too_long_learns_that_it_lost_and_leaves_the_other_alone(path: Path, tmp_path: Path) -> None:
    def sleeper() -> None:
        mine = lease(path)
        assert mine.take()
        (tmp_path / "holds").touch()
        while not mine.lost:
            time.sleep(PERIOD / 5)
        mine.release()
        (tmp_path / "learnt").touch()

    process = fork.Process(target=sleeper)
    process.start()
    wait_for((tmp_path / "holds").exists)
    os.kill(process.pid, signal.SIGSTOP)
    other = lease(path)
    wait_for(other.take)
    os.kill(process.pid, signal.SIGCONT)
    process.join()
    assert (tmp_path / "learnt").exists() and other.held()
    other.release()


def test_who_is_stopped_while_looking_does_not_block_the_others(path: Path) -> None:
    path.parent.mkdir()
    with open(path.with_name(f"{path.name}.lock"), "a") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)  # as a process that was stopped in the middle of taking the lease
        assert not lease(path).take()
    free = lease(path)
    assert free.take()
    free.release()


def test_waiting_ends_when_it_is_free(path: Path) -> None:
    first, second = lease(path), lease(path)
    assert first.take()
    threading.Timer(PERIOD * 3, first.release).start()
    told: list[int] = []
    with second.hold(wait=True, waiting=lambda holder: told.append(holder["pid"])) as taken:
        assert taken and second.held() and not first.held()
    assert told == [os.getpid()] and not path.exists()


def test_not_waiting_says_so(path: Path) -> None:
    with lease(path).hold(wait=False) as taken:
        assert taken
        with lease(path).hold(wait=False) as second:
            assert not second
    assert not path.exists()


def test_released_when_the_work_fails(path: Path) -> None:
    with pytest.raises(RuntimeError), lease(path).hold(wait=True):
        raise RuntimeError
    assert not path.exists()


def contend(path: Path, folder: Path, seed: int, until: int) -> None:
    """Take the lease again and again, note each turn, sometimes die with the lease in hand; two at once is noted."""
    rng = random.Random(seed)
    while sum(1 for _ in folder.glob("turn-*")) < until:
        mine = lease(path)
        if not mine.take():
            time.sleep(rng.random() * 0.002)
            continue
        inside = folder / "inside"
        try:
            handle = os.open(inside, os.O_CREAT | os.O_EXCL)
        except FileExistsError:
            (folder / f"two-at-once-{os.getpid()}").touch()
            os._exit(1)
        os.close(handle)
        (folder / f"turn-{os.getpid()}-{time.time_ns()}").touch()
        time.sleep(rng.random() * 0.002)
        inside.unlink()
        if rng.random() < 0.2:
            os.kill(os.getpid(), signal.SIGKILL)
        mine.release()
    os._exit(0)


def test_never_two_at_once_among_processes_that_die(path: Path, tmp_path: Path) -> None:
    folder, until = tmp_path / "turns", 120
    folder.mkdir()
    write(
        path, pid=psutil.pids()[-1] + 100_000_000
    )  # a stale lease to begin with: the race to remove it is the hard one
    running: list[Any] = []
    seed = 0
    while sum(1 for _ in folder.glob("turn-*")) < until:
        running = [process for process in running if process.is_alive()]
        while len(running) < 6:
            seed += 1
            running.append(fork.Process(target=contend, args=(path, folder, seed, until)))
            running[-1].start()
        time.sleep(0.005)
    for process in running:
        process.join()
    assert not list(folder.glob("two-at-once-*"))
    assert seed > 12, "some died holding the lease"
