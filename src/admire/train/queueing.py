"""A training in a Slurm job: it waits in the queue and not on a GPU, and a leg that got further goes on in the same job."""

from __future__ import annotations

import time

from admire.campaign.layout import TrialLayout
from admire.train import announce
from admire.train.interruption import EXIT_CODE, Interruption
from admire.trials import slurm_jobs
from admire.trials.attempts import Attempts
from admire.trials.lease import Lease

REQUEUES = 200  # of one trial's jobs by themselves; one that needs more has too short a time limit
ENDED_WITHIN = 120  # seconds in which Slurm ends the processes of a job that it queues again


def follow(code: int) -> int:
    """On the other nodes of a Slurm job: what becomes of the job is said on the first one, and this process's end must not end
    that one while it requests a requeue."""
    if code == EXIT_CODE:
        with Interruption() as end:
            _await(end)
    return code


def queued_behind_its_holder(trial: TrialLayout, lease: Lease) -> bool:
    """In a Slurm job, wait in the queue and not on a GPU while another job trains this trial (an orphan of a controller)."""
    holder = lease.watch(lambda other: announce.waiting(trial, other)) if slurm_jobs.own_job() else None
    if holder is None or not holder["job"]:
        return False
    with Interruption() as end:
        if not slurm_jobs.wait_behind(holder["job"]):
            return False
        announce.say(
            trial, f"Slurm job {holder['job']} is training it; this one waits in the queue until that one has ended"
        )
        _await(end)
    return True


def requeue(trial: TrialLayout) -> None:
    """In a Slurm job, go on in the same job later: a leg that got further is no failure and uses up no retry."""
    attempts = Attempts(trial.attempts)
    if not attempts.got_further() or attempts.requeues >= REQUEUES:
        return
    with Interruption() as end:  # Slurm may end this process before it has noted that it is requeued
        if slurm_jobs.requeue():
            attempts.requeued()
            announce.say(trial, "its Slurm job is queued again and goes on from the checkpoint")
            _await(end)


def _await(end: Interruption) -> None:
    """Wait to be ended by Slurm: a process that returns before would look like a failed job."""
    limit = time.monotonic() + ENDED_WITHIN
    while end.reason is None and time.monotonic() < limit:
        time.sleep(0.1)
