"""Why an attempt ended, in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from admire.trials.attempts import Attempts
from admire.trials.reasons import KILLED, last_reason

# what real Slurm wrote into its jobs' logs
LOGS = [
    ("slurmstepd-g1: error: Detected 1 oom-kill event(s) in StepId=7.1. Some of the step tasks", "had 2.4 GB"),
    ("error: *** STEP 7.1 ON g1 CANCELLED AT 2026-11-24T21:52:36 DUE TO TIME LIMIT ***", "stopped at the time limit"),
    ("error: *** JOB 7 ON g1 CANCELLED AT 2026-11-24T21:52:36 DUE TO NODE FAILURE, SEE SLURMCTLD", "its node failed"),
    ("error: *** JOB 7 ON g1 CANCELLED AT 2026-11-24T21:52:36 DUE TO PREEMPTION ***", "preempted"),
    ("error: *** JOB 7 ON g1 CANCELLED AT 2026-11-24T21:52:36 ***", "cancelled"),
    ("error: *** STEP 7.1 ON g1 CANCELLED AT 2026-11-24T21:52:36 ***", "told to stop before it could write"),
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
