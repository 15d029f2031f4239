"""The list of attempts survives what kills a training, and says why the last one ended."""

from __future__ import annotations

from pathlib import Path

from admire.train.attempts import KILLED, Attempts


def test_reasons(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path / "attempts.jsonl")
    attempts.begin(1, 0)
    assert (attempts.count, attempts.last_reason()) == (1, KILLED)
    attempts.end(1, "error", 3, 0.5, "OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB")
    assert attempts.last_reason() == "out of memory"
    attempts.begin(2, 3)
    attempts.end(2, "interrupted", 7, 0.5, "interrupted by SIGTERM at step 7")
    assert (attempts.count, attempts.last_reason()) == (2, "interrupted by SIGTERM at step 7")


def test_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path / "attempts.jsonl")
    attempts.begin(1, 0)
    whole = attempts.path.read_text()
    attempts.path.write_text(whole + whole[:20])
    attempts.begin(2, 5)
    assert attempts.count == 2
