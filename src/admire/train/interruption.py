"""Catches the signals of `distributed/stop_signals.py`, after which a training writes a checkpoint and stops."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from admire.distributed.stop_signals import STOP_SIGNALS

EXIT_CODE = 75  # This is EX_TEMPFAIL of sysexits.h: a later run of the same command resumes the work.


class Interruption:
    """Catches the signals inside a `with` block and keeps the last one; a Ctrl-C after another signal raises KeyboardInterrupt.

    Attributes:
        number: the signal that was caught, here or by another process of the training; 0 until then.
    """

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        self._before = {number: signal.signal(number, self._hear) for number in STOP_SIGNALS}
        return self

    @property
    def reason(self) -> str | None:
        """The interruption as text; None until a signal was caught."""
        return f"interrupted by {signal.Signals(self.number).name}" if self.number else None

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        # A person who presses Ctrl-C again wants the training to end without a checkpoint.
        if self.number and number == signal.SIGINT:
            raise KeyboardInterrupt
        self.number = int(number)
