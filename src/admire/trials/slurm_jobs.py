"""What ADMIRE asks of Slurm: which job this process is part of, its own place in the queue, the workflow's jobs, their logs.

Every question may go unanswered: Slurm may be absent, or its controller away for a minute.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from admire.cluster import submitted

RUN = r"admire_([0-9a-f-]{36}|\w+)"  # in the names of the workflow's jobs: slurm-jobname-prefix in profiles/slurm
LOGS = Path(".snakemake/slurm_logs")  # where Snakemake's executor has jobs write, beside the folder's other state
NOT_USABLE = (
    "down",
    "drain",
    "drng",
    "fail",
    "maint",
    "unk",
    "inval",
    "resv",
    "boot",
    "pow",
)  # how states of nodes begin
PATIENCE = 60.0  # seconds to wait for an answer


@dataclass(frozen=True)
class Job:
    """One job as `squeue` shows it.

    Attributes:
        run: the unique part of the name that it was submitted under, the same for all jobs of one controller.
        why: what it waits for, when it is pending.
    """

    id: str
    run: str
    state: str
    partition: str
    elapsed: str
    why: str


def own_job() -> str | None:
    """The job that this process runs in."""
    return os.environ.get("SLURM_JOB_ID")


def own_node() -> str | None:
    """Slurm's name of the node that this process runs on, which need not be its host's."""
    return os.environ.get("SLURMD_NODENAME")


def usable_nodes(partition: str | None, gpu: str | None) -> list[str] | None:
    """The nodes of a partition (None: the default one) that take jobs, with such GPUs if any; None when Slurm does not answer."""
    answer = _ask(
        "sinfo", "--noheader", "--Node", "--format=%N|%P|%G|%t", *(["--partition", partition] if partition else [])
    )
    if answer is None:
        return None
    rows = [line.split("|") for line in answer.splitlines()]
    return [
        name
        for name, where, gpus, state in rows
        if (partition or where.endswith("*"))
        and not state.startswith(NOT_USABLE)
        and (gpu is None or f"{gpu}:" in gpus)
    ]


def node() -> int:
    """Which of its job's nodes this process runs on, from 0."""
    return int(os.environ.get("SLURM_NODEID", "0"))


def first_node() -> str | None:
    """The name of the job's first node; None outside a job."""
    names = _ask("scontrol", "show", "hostnames", os.environ.get("SLURM_JOB_NODELIST", ""))
    return names.splitlines()[0] if names else None


def present() -> bool:
    """Whether this machine has Slurm's commands."""
    return shutil.which("squeue") is not None


def used(folder: Path) -> bool:
    """Whether a workflow ever submitted jobs from `folder`: only then does it matter that Slurm does not answer."""
    return (folder / LOGS).is_dir()


def requeue() -> bool:
    """Ask that the own job be run again from its start, under its own number; its processes are then ended.

    Only a running job asks: requeueing would bring back one that somebody has cancelled.
    """
    job = own_job()
    if job is None or _ask("squeue", "--noheader", "--jobs", job, "--format=%T") != "RUNNING":
        return False
    return _ask("scontrol", "requeue", job) is not None


def wait_behind(other: str) -> bool:
    """Give the own job's machine back, and have the job run again when another job has ended."""
    job = own_job()
    if job in (None, other) or not requeue():
        return False
    # a dependency can be set once the job counts as pending, which it does before its processes are ended
    _ask("scontrol", "update", f"JobId={job}", f"Dependency=afterany:{other}")
    return True


def jobs(folder: Path) -> list[Job] | None:
    """The workflow's jobs that were submitted from `folder`; None when Slurm does not answer."""
    answer = _ask("squeue", "--me", "--noheader", "--format=%i|%j|%T|%P|%M|%r|%Z")
    if answer is None:
        return None
    rows = [line.split("|", 6) for line in answer.splitlines()]
    ours = submitted.runs(folder)
    found = []
    for number, name, state, partition, elapsed, why, where in rows:
        # the number counts: a site may put something around the name, or another in its place
        run = re.search(RUN, ours.get(number, name))
        if run is not None and Path(where).resolve() == folder.resolve():
            found.append(Job(number, run[1], state, partition, elapsed, why))
    return found


def cancel(found: list[Job]) -> None:
    """Cancel jobs."""
    if found:
        _ask("scancel", *(job.id for job in found))


def log_of(job: str, folder: Path = LOGS) -> str:
    """What a job's log says; empty when there is none."""
    return "".join(path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.rglob(f"{job}.log")))


def _ask(*command: str) -> str | None:
    """A command's answer; None when it is absent, fails or does not come back."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
