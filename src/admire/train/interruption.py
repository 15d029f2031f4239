"""SIGTERM, SIGURG (a scheduler's warning) and the first Ctrl-C ask a training to write a checkpoint and stop."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from admire.distributed.torchrun import SIGNALS

EXIT_CODE = 75  # EX_TEMPFAIL: try again, the work so far is kept


class Interruption:
    """Hears the signals inside a `with` block.

    Attributes:
        number: the signal that came, here or in another process of the training; 0 until then.
    """

    def __init__(self) -> None:
        self.number = 0
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        self._before = {number: signal.signal(number, self._hear) for number in SIGNALS}
        return self

    @property
    def reason(self) -> str | None:
        """What happened, in words; None until it did."""
        return f"interrupted by {signal.Signals(self.number).name}" if self.number else None

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if self.number and number == signal.SIGINT:  # asked for twice: at once
            raise KeyboardInterrupt
        self.number = int(number)
