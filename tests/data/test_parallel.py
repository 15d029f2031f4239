"""Work in several processes: in order, little of it under way, and nobody waits for a process that is dead."""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from concurrent.futures.process import BrokenProcessPool
from functools import partial

import killed_workers
import pytest
from ended_processes import all_end

from admire.data.parallel import AHEAD, in_order, workers
from admire.errors import SourceError

LIVES = 105


def doubling():
    return double


def double(number):
    return 2 * number


def test_work_comes_back_in_order_and_little_is_under_way():
    taken = []
    results = in_order(doubling, (taken.append(i) or i for i in range(50)), processes=2)
    assert next(results) == 0
    assert len(taken) == AHEAD * 2
    assert [0, *results] == [2 * i for i in range(50)]


def test_no_more_processes_are_started_than_there_is_work_for():
    with workers(doubling, 3) as submit:
        for number in range(3):
            assert submit(number).result() == 2 * number
        assert len(multiprocessing.active_children()) == 1
        assert [future.result() for future in [submit(number) for number in range(9)]] == list(range(0, 18, 2))
        assert len(multiprocessing.active_children()) == 3
    assert not multiprocessing.active_children()


def test_a_process_that_is_killed_at_any_moment_is_told_a_hundred_times(tmp_path):
    seed = str(random.randrange(10**6))
    command = [sys.executable, killed_workers.__file__, str(LIVES), seed]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"TMPDIR": str(tmp_path)})
    assert done.returncode == 0, f"seed {seed}, after {len(done.stdout.splitlines())} lives:\n{done.stderr}"
    ends = defaultdict(set)
    for line in done.stdout.splitlines():
        moment, outcome = line.split()
        ends[moment].add(outcome)
    assert ends.keys() == killed_workers.WHEN.keys()
    assert all(ends[moment] == {"broken"} for moment in killed_workers.CERTAIN), f"seed {seed}: {dict(ends)}"
    assert ends["end"] == {"whole"}
    assert done.stderr == ""
    assert not list(tmp_path.iterdir())


def shout(number):
    raise {0: SourceError("rows.jsonl:7: no text"), 1: Peculiar(1, 2), 2: KeyError("text")}[number]


def shouting():
    return shout


class Peculiar(Exception):
    """Can be pickled, and not be read again."""

    def __init__(self, one, other):
        super().__init__(f"{one} and {other}")


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [(0, SourceError, r"rows\.jsonl:7"), (1, RuntimeError, "Peculiar: 1 and 2"), (2, KeyError, "text")],
)
def test_an_error_is_raised_here_and_says_where_it_was(number, kind, words):
    with pytest.raises(kind, match=words) as raised:
        list(in_order(shouting, [number], processes=2))
    assert "in shout" in f"{raised.value}{raised.value.__notes__ if hasattr(raised.value, '__notes__') else ''}"


def unmade():
    raise SourceError("tokenizer.path: there is none")


def test_what_cannot_be_made_is_raised_here():
    with pytest.raises(SourceError, match=r"tokenizer\.path"):
        list(in_order(unmade, range(9), processes=2))


def ending():
    return sys.exit


def test_a_process_that_ends_by_itself_is_told_with_its_exit_code():
    with pytest.raises(BrokenProcessPool, match=r"exit code 7"):
        list(in_order(ending, [7], processes=2))


def sleeping(padding):
    return time.sleep


def test_who_stops_using_results_does_not_wait_for_the_rest():
    results = in_order(partial(sleeping, bytes(1_000_000)), [0, 3600, 3600], processes=2)
    next(results)
    begun = multiprocessing.active_children()
    results.close()
    assert len(begun) == 2
    assert all_end([process.pid for process in begun])


PARENT = """
import sys, time
from functools import partial
from multiprocessing import active_children
from admire.data.parallel import workers
def working():
    return time.sleep
if __name__ == "__main__":
    with workers(working, 2) as submit:
        under_way = [submit(float(sys.argv[1])) for _ in range(4)]
        print(*(child.pid for child in active_children()), flush=True)
        time.sleep(3600)
"""


@pytest.mark.parametrize("task", [0, 3600], ids=["idle", "at work"])
@pytest.mark.parametrize("delay", [0, 0.05, 0.5])
def test_processes_end_with_a_parent_that_is_killed(tmp_path, task, delay):
    (tmp_path / "parent.py").write_text(PARENT, encoding="utf-8")
    command = [sys.executable, str(tmp_path / "parent.py"), str(task)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        time.sleep(delay)
        parent.send_signal(signal.SIGKILL)
        assert len(pids) == 2
        assert all_end(pids)
        assert parent.stderr.read() == ""
