"""Why an attempt ended, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from admire.trials.attempts import Attempts
from admire.trials.reasons import BEGIN, KILLED, last_reason, note_preemption

# what real Slurm wrote into its jobs' logs
LOGS = [
    ("slurmstepd-g1: error: Detected 1 oom-kill event(s) in StepId=7.1. Some of the step tasks", "had 2.4 GB"),
    ("error: *** STEP 7.1 ON g1 CANCELLED AT 2026-11-24T21:52:36 DUE TO TIME LIMIT ***", "stopped at the time limit"),
    ("error: *** JOB 7 ON g1 CANCELLED AT 2026-11-24T21:52:36 DUE TO NODE FAILURE, SEE SLURMCTLD", "its node failed"),
    ("error: *** JOB 7 ON g1 CANCELLED AT 2026-11-24T21:52:36 DUE TO PREEMPTION ***", "preempted"),
    ("error: *** JOB 7 ON g1 CANCELLED AT 2026-11-24T21:52:36 ***", "cancelled"),
    ("error: *** STEP 7.1 ON g1 CANCELLED AT 2026-11-24T21:52:36 ***", "stopped before it could write"),
    ("DUE TO PREEMPTION\nSNAKEMAKE\n=========\nDUE TO TIME LIMIT", "stopped at the time limit"),
    ("DUE TO PREEMPTION\nSNAKEMAKE\n=========\nno more", KILLED),
    ("error: Detected 1 oom-kill event(s)\nerror: *** STEP 7.1 ON g1 CANCELLED AT 21:52:36 ***", "out of memory"),
]


@pytest.fixture
def attempts(tmp_path: Path) -> Attempts:
    return Attempts(tmp_path / "attempts.jsonl")


def test_without_a_word(attempts: Attempts) -> None:
    assert last_reason(attempts) == "no attempt began"
    attempts.begin(1, 0)
    assert last_reason(attempts) == KILLED


def test_an_error_is_its_own_reason(attempts: Attempts) -> None:
    attempts.begin(1, 0)
    attempts.end(1, "error", 3, 0.5, "OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB")
    assert last_reason(attempts) == "out of memory"
    assert last_reason(attempts, 40_200) == "out of memory, it had 40.2 GB"
    attempts.begin(2, 3)
    attempts.end(2, "interrupted", 7, 0.5, "interrupted by SIGTERM at step 7")
    assert last_reason(attempts) == "interrupted by SIGTERM at step 7"


@pytest.mark.parametrize(("log", "reason"), LOGS)
def test_the_job_s_log_tells_what_killed_it(
    attempts: Attempts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: str, reason: str
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    attempts.begin(1, 0)
    path = tmp_path / "slurm_logs/group_trial/7.log"
    path.parent.mkdir(parents=True)
    path.write_text(log)
    assert reason in last_reason(attempts, 2400, tmp_path / "slurm_logs")


def log_of_job(logs: Path, job: str, text: str) -> None:
    path = logs / f"group_trial/{job}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


TAKEN = "error: *** JOB 7 ON g1 CANCELLED AT 2026-11-24T21:52:36 DUE TO PREEMPTION ***\n"


@pytest.mark.parametrize(
    ("now", "log", "noted"),
    [
        ("8", f"{BEGIN}{TAKEN}", True),  # another job goes on
        ("7", f"{BEGIN}{TAKEN}{BEGIN}", True),  # the same job runs again
        ("8", f"{BEGIN}killed\n", False),
        ("8", "*** JOB 7 ON g1 CANCELLED AT 2026-11-24T21:52:36 ***", False),  # by a person
        ("8", f"Detected 1 oom-kill event(s)\n{TAKEN}", False),
        ("7", f"{BEGIN}{TAKEN}{BEGIN}killed\n{BEGIN}", False),
    ],
)
def test_an_attempt_whose_machine_was_taken_back_gets_its_end(
    attempts: Attempts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: str, log: str, noted: bool
) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    attempts.begin(2, 0)
    log_of_job(tmp_path / "slurm_logs", "7", log)
    monkeypatch.setenv("SLURM_JOB_ID", now)
    note_preemption(attempts, 4, tmp_path / "slurm_logs")
    last = attempts.lines()[-1]
    assert attempts.running is not noted and attempts.failures == (0 if noted else 1)
    if noted:
        assert (last["attempt"], last["outcome"], last["step"]) == (2, "preempted", 4)
        assert last_reason(attempts).startswith("preempted (Slurm job 7 on ")


def test_an_attempt_that_left_a_word_keeps_it(attempts: Attempts, tmp_path: Path) -> None:
    attempts.begin(1, 0)
    attempts.end(1, "error", 3, 0.5, "RuntimeError: no")
    note_preemption(attempts, 0, tmp_path)
    assert attempts.failures == 1 and attempts.lines()[-1]["outcome"] == "error"
