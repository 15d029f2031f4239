"""A trial's attempts, one line a beginning and one line an end, only ever appended to.

An attempt that has no second line was killed: nothing could be written any more.
"""

from __future__ import annotations

import datetime
import json
import os
import socket
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["ok", "failed", "interrupted", "error"]

KILLED = "killed without a word: out of memory, the time limit, a lost node, or kill -9"
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "Cannot allocate memory", "MemoryError")


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

    @property
    def count(self) -> int:
        """How many attempts have begun."""
        return sum(line["event"] == "begin" for line in self._lines())

    def last_reason(self) -> str:
        """Why the last attempt did not finish."""
        lines = self._lines()
        if not lines or lines[-1]["event"] != "end":
            return KILLED if lines and lines[-1]["event"] == "begin" else "no attempt began"
        reason = lines[-1]["reason"] or lines[-1]["outcome"]
        return "out of memory" if any(sign in reason for sign in OUT_OF_MEMORY) else reason

    def _lines(self) -> list[dict[str, Any]]:
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

    def _append(self, value: dict[str, Any]) -> None:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        who = {"time": now, "host": socket.gethostname(), "pid": os.getpid(), "job": os.environ.get("SLURM_JOB_ID")}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        torn = self.path.is_file() and not self.path.read_bytes().endswith(b"\n") and self.path.stat().st_size > 0
        with open(self.path, "a", encoding="utf-8") as stream:
            stream.write(("\n" if torn else "") + json.dumps({**value, **who}) + "\n")
            stream.flush()
            os.fsync(stream.fileno())
