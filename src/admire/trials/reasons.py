"""Why a trial's last attempt did not finish, in words: from its attempts, and from its Slurm job's log where it was killed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from admire.trials.attempts import Attempts
from admire.trials.slurm_jobs import LOGS, log_of, own_job

KILLED = "killed without a word: by the memory or time limit, a lost node, or kill -9"
PREEMPTED = "preempted"
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "Cannot allocate memory", "MemoryError")
# what a job's log says -> the reason; the first that is found. Without "DUE TO" a job was cancelled by a person, and a step
# was told of its time limit
SIGNS = {
    r"oom.kill|Exceeded job memory limit": "out of memory",
    r"DUE TO TIME LIMIT": "stopped at the time limit",
    r"DUE TO NODE.FAIL": "its node failed",
    r"DUE TO PREEMPTION": PREEMPTED,
    r"JOB \d+ ON \S+ CANCELLED AT \S+ \*\*\*": "cancelled",
    r"STEP \S+ ON \S+ CANCELLED AT \S+ \*\*\*": "told to stop before it could write a checkpoint",
}
BEGIN = "SNAKEMAKE\n=========\n"  # heads what each leg writes into the log of a job that was requeued


def last_reason(attempts: Attempts, memory_mb: int | None = None, logs: Path = LOGS) -> str:
    """Why the last attempt did not finish.

    Args:
        memory_mb: the memory that it was given, for one that had too little.
    """
    lines = [line for line in attempts.lines() if line["event"] != "requeued"]
    if not lines:
        return "no attempt began"
    last = lines[-1]
    reason = last["reason"] or last["outcome"] if last["event"] == "end" else _killed(last, logs)
    if not any(sign in reason for sign in OUT_OF_MEMORY):
        return reason
    return "out of memory" + (f", it had {memory_mb / 1000:.3g} GB" if memory_mb else "")


def note_preemption(attempts: Attempts, step: int = 0, logs: Path = LOGS) -> None:
    """Give the last attempt its end where it left no word because Slurm took its machine back: that is no failure.

    Args:
        step: of the checkpoint that it left; 0 without one.
    """
    if attempts.running and (reason := _killed(begin := attempts.lines()[-1], logs)).startswith(PREEMPTED):
        attempts.end(begin["attempt"], "preempted", step, 0.0, reason)


def _killed(begin: dict[str, Any], logs: Path) -> str:
    """What killed an attempt that left no word: its job's log knows."""
    job = begin.get("job")
    legs = log_of(job, logs).split(BEGIN) if job else [""]
    log = (
        legs[-2] if job == own_job() and len(legs) > 2 else legs[-1]
    )  # of a job that runs again the last leg is this process's
    where = f" (Slurm job {job} on {begin['host']})"
    return next((words + where for sign, words in SIGNS.items() if re.search(sign, log)), KILLED)
