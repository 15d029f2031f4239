"""The attempts at a trial, in a file to which one line is appended when an attempt begins and one when it ends.

An attempt whose second line is missing was killed before it could write one. Three endings are no failure: a stop by the scheduler
that left a checkpoint (the attempt is then one leg of the training), an error of storage, and a machine that the scheduler took
back without warning.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import socket
from pathlib import Path
from typing import Any, Literal

from admire.output.credentials import masked_value
from admire.trials.atomic_files import open_state
from admire.trials.slurm_jobs import own_job, own_node

Outcome = Literal["ok", "failed", "interrupted", "error", "storage", "preempted"]

# The scheduler may stop a training, or take its machine back, this often before that counts as failure.
LEGS = 20


class Attempts:
    """The file `attempts.jsonl` of a trial."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, attempt: int, resumed_step: int) -> None:
        """Note that an attempt begins, from the checkpoint of step `resumed_step`, or from the start if that is 0."""
        self._append({"event": "begin", "attempt": attempt, "resumed_step": resumed_step})

    def end(self, attempt: int, outcome: Outcome, step: int, seconds: float, reason: str | None = None) -> None:
        """Note how an attempt ended.

        Args:
            step: number of optimiser steps done so far, over all attempts.
            seconds: wall time that this attempt spent inside the training loop.
        """
        self._append(
            {"event": "end", "attempt": attempt, "outcome": outcome, "step": step, "seconds": seconds, "reason": reason}
        )

    def stopped_by_storage(self, attempt: int, step: int, seconds: float, reason: str) -> None:
        """Note that an attempt ended because nothing could be written, which is no failure of the trial.

        If this note cannot be written either, the line of the attempt's beginning is removed, which needs no space on a full disk;
        otherwise the attempt would count as killed.
        """
        try:
            self.end(attempt, "storage", step, seconds, reason)
        except OSError:
            with contextlib.suppress(OSError):
                self.take_back()

    def take_back(self) -> None:
        """Remove the line of the last attempt's beginning, and all lines after it."""
        lines = self.path.read_bytes().splitlines(keepends=True)
        last = max((place for place, line in enumerate(lines) if b'"event": "begin"' in line), default=len(lines))
        os.truncate(self.path, sum(map(len, lines[:last])))

    @property
    def storage(self) -> str | None:
        """The error of storage that ended the last attempt; None if something else did, or if there is no attempt."""
        lines = self.lines()
        return lines[-1]["reason"] if lines and lines[-1].get("outcome") == "storage" else None

    def requeued(self) -> None:
        """Note that the own Slurm job will be run again, although it has not failed."""
        self._append({"event": "requeued"})

    @property
    def count(self) -> int:
        """The number of attempts that have begun."""
        return self._count("begin")

    @property
    def requeues(self) -> int:
        """The number of times that a Slurm job of this trial requeued itself."""
        return self._count("requeued")

    @property
    def legs(self) -> int:
        """The number of attempts that were stopped with a checkpoint and whose job ended, so that it looked like a failed job."""
        stopped = sum(line["event"] == "end" and line["outcome"] == "interrupted" for line in self.lines())
        return stopped - self.requeues

    @property
    def failures(self) -> int:
        """The number of attempts that broke or were killed since an attempt last began from a later checkpoint than all before it.

        Attempts whose machine was taken back count only beyond the first `LEGS`, so that no trial is repeated for ever.
        """
        failed, reached, taken = 0, -1, 0
        for line in self.lines():
            if line["event"] == "begin":
                further = line["resumed_step"] > reached
                failed, taken = (1, 0) if further else (failed + 1, taken)
                reached = max(reached, line["resumed_step"])
            elif line["event"] == "end" and line["outcome"] == "preempted":
                taken += 1
                failed -= taken <= LEGS
            elif line["event"] == "end" and line["outcome"] != "error":
                failed -= 1
        return failed

    @property
    def running(self) -> bool:
        """Whether the last attempt has begun and no end of it is noted."""
        lines = self.lines()
        return bool(lines) and lines[-1]["event"] == "begin"

    def got_further(self) -> bool:
        """Whether the last attempt was stopped by its scheduler with more steps done than it began with."""
        begun = [line for line in self.lines() if line["event"] == "begin"]
        last = self.lines()[-1]
        return last["event"] == "end" and last["outcome"] == "interrupted" and last["step"] > begun[-1]["resumed_step"]

    def lines(self) -> list[dict[str, Any]]:
        """All complete lines. A line that a crash cut short is skipped."""
        if not self.path.is_file():
            return []
        found = []
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return found

    def _count(self, event: str) -> int:
        return sum(line["event"] == event for line in self.lines())

    def _append(self, value: dict[str, Any]) -> None:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        who = {"time": now, "host": socket.gethostname(), "pid": os.getpid(), "job": own_job(), "node": own_node()}
        torn = self.path.is_file() and not self.path.read_bytes().endswith(b"\n") and self.path.stat().st_size > 0
        with open_state(self.path) as stream:
            stream.write(("\n" if torn else "") + json.dumps({**masked_value(value), **who}) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
