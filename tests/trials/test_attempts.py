"""The list of attempts survives what kills a training."""

from __future__ import annotations

from pathlib import Path

from admire.trials.attempts import LEGS, Attempts


def test_a_torn_line_is_passed_over(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path / "attempts.jsonl")
    attempts.begin(1, 0)
    whole = attempts.path.read_text()
    attempts.path.write_text(whole + whole[:20])
    attempts.begin(2, 5)
    assert attempts.count == 2


def test_legs_are_no_failures(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path / "attempts.jsonl")
    attempts.begin(1, 0)
    attempts.end(1, "interrupted", 5, 1.0, "interrupted by SIGTERM at step 5")
    assert attempts.got_further() and attempts.legs == 1
    attempts.requeued()
    assert attempts.legs == 0 and attempts.requeues == 1, "Snakemake never heard of that leg"
    attempts.begin(1, 5)
    attempts.end(1, "interrupted", 5, 1.0, "interrupted by SIGTERM at step 5")
    assert not attempts.got_further()
    attempts.begin(2, 5)
    attempts.end(2, "error", 7, 1.0, "RuntimeError: no")
    assert not attempts.got_further() and attempts.legs == 1


def test_broken_and_killed_attempts_are_failures(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path / "attempts.jsonl")
    assert attempts.failures == 0
    attempts.begin(1, 0)  # killed
    attempts.begin(2, 0)
    attempts.end(2, "error", 7, 1.0, "RuntimeError: no")
    attempts.begin(3, 0)
    attempts.end(3, "interrupted", 9, 1.0, "interrupted by SIGTERM at step 9")
    assert attempts.failures == 2
    attempts.begin(3, 0)
    assert attempts.failures == 3


def test_a_training_that_gets_further_has_all_its_tries_again(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path / "attempts.jsonl")
    for step in (0, 10, 20, 30):  # killed again and again
        attempts.begin(1, step)
        assert attempts.failures == 1
    attempts.begin(2, 30)
    assert attempts.failures == 2
    attempts.begin(3, 20)  # a checkpoint was damaged
    assert attempts.failures == 3
    attempts.begin(4, 31)
    attempts.end(4, "ok", 50, 1.0)
    assert attempts.failures == 0


def test_what_a_scheduler_took_back_is_no_failure_until_it_has_been_too_often(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path / "attempts.jsonl")
    attempts.begin(1, 0)  # killed
    for _ in range(LEGS):
        attempts.begin(2, 0)
        attempts.end(2, "preempted", 0, 0.0, "preempted (Slurm job 7 on g1)")
        assert attempts.failures == 1 and not attempts.got_further()
    for over in (1, 2):
        attempts.begin(2, 0)
        attempts.end(2, "preempted", 0, 0.0, "preempted (Slurm job 7 on g1)")
        assert attempts.failures == 1 + over
    attempts.begin(3, 5)
    attempts.end(3, "preempted", 5, 0.0, "preempted (Slurm job 7 on g1)")
    assert attempts.failures == 0, "it got further meanwhile"
