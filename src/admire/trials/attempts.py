"""A trial's attempts, one line a beginning and one line an end, only ever appended to.

An attempt that has no second line was killed: nothing could be written any more. An attempt that its scheduler stopped
and that left a checkpoint is a leg of the training, not a failure; one that storage ended is neither, nor is one whose machine its
scheduler took back without a warning.
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

# Times that a scheduler may stop or take back a training, and its job be submitted again, without that counting.
LEGS = 20


class Attempts:
    """The file `attempts.jsonl` of a trial."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, attempt: int, resumed_step: int) -> None:
        """Note that an attempt begins, from the checkpoint of `resumed_step` (0: from the start)."""
        self._append({"event": "begin", "attempt": attempt, "resumed_step": resumed_step})

    def end(self, attempt: int, outcome: Outcome, step: int, seconds: float, reason: str | None = None) -> None:
        """Note how an attempt ended.

        Args:
            step: optimiser steps done, of all attempts.
            seconds: wall time of this attempt inside the training loop.
        """
        self._append(
            {"event": "end", "attempt": attempt, "outcome": outcome, "step": step, "seconds": seconds, "reason": reason}
        )

    def stopped_by_storage(self, attempt: int, step: int, seconds: float, reason: str) -> None:
        """Note that an attempt ended because nothing could be written: that is no failure of the trial.

        Where not even that can be noted the beginning is taken back, for which a full disk needs no space: an attempt without an
        end would count as one that was killed.
        """
        try:
            self.end(attempt, "storage", step, seconds, reason)
        except OSError:
            with contextlib.suppress(OSError):
                self.take_back()

    def take_back(self) -> None:
        """Forget that the last attempt began."""
        lines = self.path.read_bytes().splitlines(keepends=True)
        last = max((place for place, line in enumerate(lines) if b'"event": "begin"' in line), default=len(lines))
        os.truncate(self.path, sum(map(len, lines[:last])))

    @property
    def storage(self) -> str | None:
        """What storage said as it ended the last attempt; None when that went otherwise."""
        lines = self.lines()
        return lines[-1]["reason"] if lines and lines[-1].get("outcome") == "storage" else None

    def requeued(self) -> None:
        """Note that the own Slurm job goes on later, without having failed."""
        self._append({"event": "requeued"})

    @property
    def count(self) -> int:
        """How many attempts have begun."""
        return self._count("begin")

    @property
    def requeues(self) -> int:
        """How often a Slurm job of this trial asked to be run again."""
        return self._count("requeued")

    @property
    def legs(self) -> int:
        """How many attempts were stopped with a checkpoint and ended their job, so that it looked like a failed one."""
        stopped = sum(line["event"] == "end" and line["outcome"] == "interrupted" for line in self.lines())
        return stopped - self.requeues

    @property
    def failures(self) -> int:
        """How many attempts broke or were killed since one last began from a later checkpoint than the one before. Of those
        whose machine was taken back, only what goes beyond `LEGS`: for ever is too often."""
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
        """Whether the last attempt has begun and nobody has noted its end."""
        lines = self.lines()
        return bool(lines) and lines[-1]["event"] == "begin"

    def got_further(self) -> bool:
        """Whether the last attempt was stopped by its scheduler with more steps done than it began with."""
        begun = [line for line in self.lines() if line["event"] == "begin"]
        last = self.lines()[-1]
        return last["event"] == "end" and last["outcome"] == "interrupted" and last["step"] > begun[-1]["resumed_step"]

    def lines(self) -> list[dict[str, Any]]:
        """All whole lines; a line that a crash tore is passed over."""
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
