"""A scoring that a signal stops ends at once with an error of its own, so that it does not count as a failed attempt."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from admire.errors import AdmireError

STOPS = {number.name: number for number in (signal.SIGTERM, signal.SIGINT)}


class StoppedError(AdmireError):
    """A signal stopped the scoring."""


@contextlib.contextmanager
def stoppable() -> Iterator[None]:
    """Inside the block SIGTERM and Ctrl-C raise `StoppedError`, so that the attempt can be noted before the process is killed.

    Python delivers signals only to the main thread; in other threads the block changes nothing.
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
