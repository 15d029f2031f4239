"""How a training uses Slurm's queue: it waits there for another trainer instead of occupying a GPU, and a job that was stopped
after a checkpoint is queued again under the same number."""

from __future__ import annotations

import time

from admire.campaign.layout import TrialLayout
from admire.train import announce
from admire.train.interruption import EXIT_CODE, Interruption
from admire.trials import slurm_jobs
from admire.trials.attempts import Attempts
from admire.trials.lease import Lease

MOST_REQUEUES = 200  # A trial whose jobs need more requeues than this has too short a time limit.
ENDED_WITHIN = 120  # Slurm ends the processes of a job that it queues again within fewer seconds than these.


def follow(code: int) -> int:
    """Keep this process of a Slurm job alive while the first node requests a requeue, and return `code`.

    Called on all nodes but the first. If one of them exited early, Slurm would kill the first node before its request is done.
    """
    if code == EXIT_CODE:
        with Interruption() as end:
            _await(end)
    return code


def queued_behind_its_holder(trial: TrialLayout, lease: Lease) -> bool:
    """If another Slurm job trains this trial, have the own job wait in the queue until that one has ended, and return True.

    The other job is usually one whose controller is gone. Outside Slurm, or if Slurm refuses, this returns False.
    """
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
    """Queue the own Slurm job again if the attempt was stopped after more steps than it began with. No retry is used up, because
    such a stop is not a failure. Outside a Slurm job nothing happens."""
    attempts = Attempts(trial.attempts)
    if not attempts.got_further() or attempts.requeues >= MOST_REQUEUES:
        return
    # Slurm's signal may come before the requeue is recorded, and must not end this process by then.
    with Interruption() as end:
        if slurm_jobs.requeue():
            attempts.requeued()
            announce.say(trial, "its Slurm job is queued again and will resume from the checkpoint")
            _await(end)


def _await(end: Interruption) -> None:
    """Wait until Slurm ends this process. If it exited by itself, the job would look like a failed one."""
    limit = time.monotonic() + ENDED_WITHIN
    while end.reason is None and time.monotonic() < limit:
        time.sleep(0.1)
