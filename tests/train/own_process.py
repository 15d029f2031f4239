"""Trainings in a process of their own, and what happens to them at a moment of their course."""

import multiprocessing
import os
import threading
import time

from admire.train.run import train_trial

fork = multiprocessing.get_context("fork")


def train_until(happens, act, trial, **how):
    """Train in a process of its own, in which `act()` is called as soon as `happens()`; its exit code.

    That process itself looks: on a busy machine another one may look when all is over.
    """

    def look():
        while not happens():
            time.sleep(0.001)
        act()

    def life():
        threading.Thread(target=look, daemon=True).start()
        os._exit(train_trial(trial, **how))

    process = fork.Process(target=life)
    process.start()
    process.join()
    return process.exitcode


def send(number):
    """What sends a signal to the process that calls it."""
    return lambda: os.kill(os.getpid(), number)
