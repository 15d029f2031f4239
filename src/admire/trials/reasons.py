"""The reason for which a trial's last attempt did not finish, from its attempts or, if it was killed, from its Slurm job's log."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from admire.trials.attempts import Attempts
from admire.trials.slurm_jobs import LOGS, log_of, own_job

KILLED = "killed without a word: by the memory or time limit, a lost node, or kill -9"
PREEMPTED = "preempted"
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "Cannot allocate memory", "MemoryError")
# Pattern in a job's log -> reason; the first pattern that is found counts. A cancelled job without "DUE TO" was cancelled by a
# person, and a cancelled step without it received the signal that announces its time limit.
SIGNS = {
    r"oom.kill|Exceeded job memory limit": "out of memory",
    r"DUE TO TIME LIMIT": "stopped at the time limit",
    r"DUE TO NODE.FAIL": "its node failed",
    r"DUE TO PREEMPTION": PREEMPTED,
    r"JOB \d+ ON \S+ CANCELLED AT \S+ \*\*\*": "cancelled",
    r"STEP \S+ ON \S+ CANCELLED AT \S+ \*\*\*": "stopped before it could write a checkpoint",
}
# A job that is requeued appends to its log, and the part of each leg begins with these lines.
BEGIN = "SNAKEMAKE\n=========\n"


def last_reason(attempts: Attempts, memory_mb: int | None = None, logs: Path = LOGS) -> str:
    """The reason for which the last attempt did not finish.

    Args:
        memory_mb: memory of the attempt's job in MB, named in the reason if that was too little.
        logs: the folder with the logs of the workflow's Slurm jobs.
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
    """Note the end of the last attempt if it could not do so itself because Slurm took its machine back, which is no failure.

    Args:
        step: step of the checkpoint that it left; 0 without one.
        logs: the folder with the logs of the workflow's Slurm jobs.
    """
    if attempts.running and (reason := _killed(begin := attempts.lines()[-1], logs)).startswith(PREEMPTED):
        attempts.end(begin["attempt"], "preempted", step, 0.0, reason)


def _killed(begin: dict[str, Any], logs: Path) -> str:
    """The reason, from its job's log, for which an attempt was killed without noting its end."""
    job = begin.get("job")
    legs = log_of(job, logs).split(BEGIN) if job else [""]
    # If this process is a later leg of the same job, the last part of the log is its own.
    log = legs[-2] if job == own_job() and len(legs) > 2 else legs[-1]
    where = f" (Slurm job {job} on {begin['host']})"
    return next((words + where for sign, words in SIGNS.items() if re.search(sign, log)), KILLED)
