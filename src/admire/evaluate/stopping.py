"""A scoring that is told to stop ends at once and says so: what its scheduler stopped is no attempt that failed."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from admire.errors import AdmireError

STOPS = {number.name: number for number in (signal.SIGTERM, signal.SIGINT)}


class StoppedError(AdmireError):
    """A signal told the scoring to stop."""


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Inside the block SIGTERM and Ctrl-C raise `StoppedError`, so that there is time for a note before the process is killed.

    Only Python's main thread hears signals; elsewhere the block changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _frame: FrameType | None) -> None:
        raise StoppedError(f"told to stop by {signal.Signals(number).name}; the same command scores the suite again")

    before = {number: signal.signal(number, stop) for number in STOPS.values()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
