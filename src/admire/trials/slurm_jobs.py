"""Queries to Slurm: the job of this process and its nodes, the workflow's jobs in the queue, and their logs.

Every query may fail, because Slurm may be absent or its controller may be away for a minute.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from admire.cluster import submitted

# The names of the workflow's jobs; the prefix is `slurm-jobname-prefix` in profiles/slurm.
RUN = r"admire_([0-9a-f-]{36}|\w+)"
LOGS = Path(".snakemake/slurm_logs")  # Snakemake's executor has the jobs write their logs here.
# A node that takes no jobs is in a state that begins with one of these.
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
)
PATIENCE = 60.0  # seconds to wait for an answer of Slurm


@dataclass(frozen=True)
class Job:
    """One job as `squeue` shows it.

    Attributes:
        run: the unique part of the name under which it was submitted, which is the same for all jobs of one controller.
        why: Slurm's reason for which it waits, if it is pending.
    """

    id: str
    run: str
    state: str
    partition: str
    elapsed: str
    why: str


def own_job() -> str | None:
    """The number of the Slurm job in which this process runs; None outside a job."""
    return os.environ.get("SLURM_JOB_ID")


def own_node() -> str | None:
    """Slurm's name for the node on which this process runs, which can differ from the host name; None outside a job."""
    return os.environ.get("SLURMD_NODENAME")


def usable_nodes(partition: str | None, gpu: str | None) -> list[str] | None:
    """The names of a partition's nodes that take jobs; None if Slurm does not answer.

    Args:
        partition: the partition's name; None is the cluster's default partition.
        gpu: return only nodes with such GPUs, spelt as `sinfo` does, e.g. `gpu:a100`; None is any node.
    """
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
    """The index of this process's node within its job, from 0."""
    return int(os.environ.get("SLURM_NODEID", "0"))


def first_node() -> str | None:
    """The name of the job's first node; None outside a job."""
    names = _ask("scontrol", "show", "hostnames", os.environ.get("SLURM_JOB_NODELIST", ""))
    return names.splitlines()[0] if names else None


def present() -> bool:
    """Whether this machine has Slurm's commands."""
    return shutil.which("squeue") is not None


def used(folder: Path) -> bool:
    """Whether a workflow ever submitted jobs from `folder`. Only then does it matter whether Slurm answers."""
    return (folder / LOGS).is_dir()


def requeue() -> bool:
    """Requeue the own job: Slurm ends its processes, and later runs it again from the start under the same number.

    Only a running job is requeued, because requeueing would bring back a job that somebody has cancelled.

    Returns:
        Whether Slurm accepted.
    """
    job = own_job()
    if job is None or _ask("squeue", "--noheader", "--jobs", job, "--format=%T") != "RUNNING":
        return False
    return _ask("scontrol", "requeue", job) is not None


def wait_behind(other: str) -> bool:
    """Requeue the own job so that it runs again after the job `other` has ended; False if that is not possible."""
    job = own_job()
    if job in (None, other) or not requeue():
        return False
    # A dependency can only be set on a pending job. A requeued job is pending before its processes are ended.
    _ask("scontrol", "update", f"JobId={job}", f"Dependency=afterany:{other}")
    return True


def jobs(folder: Path) -> list[Job] | None:
    """The workflow's jobs in the queue that were submitted from `folder`; None if Slurm does not answer."""
    answer = _ask("squeue", "--me", "--noheader", "--format=%i|%j|%T|%P|%M|%r|%Z")
    if answer is None:
        return None
    rows = [line.split("|", 6) for line in answer.splitlines()]
    ours = submitted.runs(folder)
    found = []
    for number, name, state, partition, elapsed, why, where in rows:
        # Look the name up by the job's number: a site may extend the name that Slurm shows, or replace it.
        run = re.search(RUN, ours.get(number, name))
        if run is not None and Path(where).resolve() == folder.resolve():
            found.append(Job(number, run[1], state, partition, elapsed, why))
    return found


def cancel(found: list[Job]) -> None:
    """Cancel the jobs in `found`."""
    if found:
        _ask("scancel", *(job.id for job in found))


def log_of(job: str, folder: Path = LOGS) -> str:
    """The text of a job's log; empty if there is none."""
    return "".join(path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.rglob(f"{job}.log")))


def _ask(*command: str) -> str | None:
    """The output of a command; None if it is absent, fails or does not answer in time."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
