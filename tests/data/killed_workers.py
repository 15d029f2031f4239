"""Lives of a pool whose processes are killed at every moment; test_parallel.py runs it, since it imports nothing heavy.

`python killed_workers.py LIVES SEED` prints a line per life: the moment, and how it ended. One that stands still ends all with
the stacks of every thread.
"""

import faulthandler
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial

from admire.data.parallel import in_order

STANDS_STILL = 120  # seconds, for a life that takes a fraction of one
ITEMS = 8
LARGE = 4_000_000  # bytes: more than a line between processes holds, so that a part of it is on its way
WHEN = {
    "any": "at a random time from its start on",
    "import": "while it reads what it is started for",
    "make": "while it makes its work",
    "hand-over": "while a large item is written to it",
    "work": "in the middle of an item",
    "result": "while it writes a large result",
    "end": "when all results were used",
}
CERTAIN = ("import", "make", "work")  # at these moments no life can come through


class Deadly:
    """Kills the process that reads it."""

    def __reduce__(self):
        return die, ()


def die(delay=0.0):
    time.sleep(delay)
    os.kill(os.getpid(), signal.SIGKILL)


def make(moment, delay, _):
    if moment == "make":
        die(delay)
    return partial(work, moment, delay)


def work(moment, delay, item):
    number, _ = item
    if number == 3 and moment == "work":
        die(delay)
    if number == 3 and moment == "result":
        threading.Thread(target=die, args=(delay,), daemon=True).start()
        return number, bytes(LARGE)
    return number, b""


def kill_one(moment, delay, over):
    """From outside: the process is stopped first where it shall die with an item half written."""
    while not (children := multiprocessing.active_children()):
        if over.wait(0.001):
            return
    over.wait(delay)
    victim = random.choice(children).pid
    with suppress(ProcessLookupError):  # all was over before
        if moment == "hand-over":
            os.kill(victim, signal.SIGSTOP)
            over.wait(0.05)
        os.kill(victim, signal.SIGKILL)


def life(moment, delay):
    over = threading.Event()
    killer = threading.Thread(target=kill_one, args=(moment, delay, over))
    if moment in ("any", "hand-over"):
        killer.start()
    deadly = Deadly() if moment == "import" else None
    items = ((number, bytes(LARGE if moment == "hand-over" else 10)) for number in range(ITEMS))
    got = []
    try:
        for number, _ in in_order(partial(make, moment, delay, deadly), items, processes=2):
            got.append(number)
            if moment == "end" and len(got) == ITEMS:
                kill_one(moment, delay / 100, over)
        outcome = "whole"
    except BrokenProcessPool:
        outcome = "broken"
    over.set()
    if killer.ident:
        killer.join()
    assert got == list(range(ITEMS if outcome == "whole" else len(got))), got
    assert not multiprocessing.active_children()
    return outcome


def main(lives, seed):
    random.seed(seed)
    for number in range(lives):
        faulthandler.dump_traceback_later(STANDS_STILL, exit=True)
        moment = list(WHEN)[number % len(WHEN)]
        # a process takes about a tenth of a second to start; a message takes milliseconds
        delay = random.uniform(0, 0.01 if moment in ("work", "result", "make") else 0.2)
        print(moment, life(moment, delay), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
