"""How far an attempt has got, and its lines in `attempts.jsonl`."""

from __future__ import annotations

import time

from admire.trials.attempts import Attempts, Outcome


class Tally:
    """Steps and time of one attempt, known from its beginning to its end, whatever becomes of the trainer.

    Attributes:
        step: optimiser steps done, of all attempts; 0 until the training loop has begun.
        first_step: when this attempt's first step was done, by the wall clock; None until then.
    """

    def __init__(self) -> None:
        self.step = 0
        self.first_step: float | None = None
        self._began: float | None = None
        self._ended: float | None = None

    @property
    def seconds(self) -> float:
        """Wall time of this attempt inside the training loop, so far."""
        if self._began is None:
            return 0.0
        return (time.perf_counter() if self._ended is None else self._ended) - self._began

    def begin(self, step: int) -> None:
        """The loop begins after `step` steps of earlier attempts."""
        self.step, self._began = step, time.perf_counter()

    def count(self, step: int) -> None:
        """A step is done."""
        self.step = step
        if self.first_step is None:
            self.first_step = time.time()

    def end(self) -> None:
        """The loop ends."""
        self._ended = time.perf_counter()


class Diary:
    """The lines of one attempt in its trial's `attempts.jsonl`, which its first process writes.

    Args:
        number: which attempt this is, from 1, as its scheduler counts.
    """

    def __init__(self, attempts: Attempts, number: int, tally: Tally) -> None:
        self.attempts, self.number, self.tally = attempts, number, tally

    def begin(self, resumed_step: int) -> None:
        """Note that it begins, from the checkpoint of that step."""
        self.attempts.begin(self.number, resumed_step)

    def end(self, outcome: Outcome, reason: str | None) -> None:
        """Note how it ended."""
        self.attempts.end(self.number, outcome, self.tally.step, self.tally.seconds, reason)

    def stopped_by_storage(self, reason: str) -> None:
        """Note that it ended because nothing could be written, or that it never began."""
        self.attempts.stopped_by_storage(self.number, self.tally.step, self.tally.seconds, reason)
