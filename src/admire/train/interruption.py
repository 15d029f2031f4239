"""SIGTERM, SIGURG (a scheduler's warning) and the first Ctrl-C ask a training to write a checkpoint and stop."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGURG, signal.SIGINT)
EXIT_CODE = 75  # EX_TEMPFAIL: try again, the work so far is kept


class Interruption:
    """Hears the signals inside a `with` block; `reason` is None until one came."""

    def __init__(self) -> None:
        self.reason: str | None = None
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        self._before = {number: signal.signal(number, self._hear) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        if self.reason is not None and number == signal.SIGINT:  # asked for twice: at once
            raise KeyboardInterrupt
        self.reason = f"interrupted by {signal.Signals(number).name}"
