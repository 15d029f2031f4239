"""Counts what an attempt has done, and notes its beginning and end in `attempts.jsonl`."""

from __future__ import annotations

import time

from admire.trials.attempts import Attempts, Outcome


class Tally:
    """Counts the steps and the time of one attempt outside the trainer, so that they are known even after the trainer broke.

    Attributes:
        step: optimiser steps that all attempts together have done; 0 until the training loop has begun.
        first_step: when this attempt's first step was done, in seconds since the epoch; None until then.
    """

    def __init__(self) -> None:
        self.step = 0
        self.first_step: float | None = None
        self._began: float | None = None
        self._ended: float | None = None

    @property
    def seconds(self) -> float:
        """Wall time in seconds that this attempt has spent in the training loop."""
        if self._began is None:
            return 0.0
        return (time.perf_counter() if self._ended is None else self._ended) - self._began

    def begin(self, step: int) -> None:
        """Note that the loop begins, after `step` steps of earlier attempts."""
        self.step, self._began = step, time.perf_counter()

    def count(self, step: int) -> None:
        """Note that a step is done."""
        self.step = step
        if self.first_step is None:
            self.first_step = time.time()

    def end(self) -> None:
        """Note that the loop has ended."""
        self._ended = time.perf_counter()


class AttemptNotes:
    """Writes the lines of one attempt into its trial's `attempts.jsonl`. Only the first process of a training uses it.

    Args:
        number: the number of this attempt, from 1, as the scheduler counts.
    """

    def __init__(self, attempts: Attempts, number: int, tally: Tally) -> None:
        self.attempts, self.number, self.tally = attempts, number, tally

    def begin(self, resumed_step: int) -> None:
        """Record that the attempt begins, from the checkpoint of that step (0 if from none)."""
        self.attempts.begin(self.number, resumed_step)

    def end(self, outcome: Outcome, reason: str | None) -> None:
        """Record how the attempt ended."""
        self.attempts.end(self.number, outcome, self.tally.step, self.tally.seconds, reason)

    def stopped_by_storage(self, reason: str) -> None:
        """Record that the attempt ended because files could not be written; if that cannot be written either, remove its
        beginning from the file."""
        self.attempts.stopped_by_storage(self.number, self.tally.step, self.tally.seconds, reason)
