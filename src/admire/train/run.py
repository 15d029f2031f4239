"""Trains one trial, from its spec to its record. A finished trial is not trained again, no two processes train it at the same time,
and an interrupted training resumes from its last checkpoint. One attempt is in `attempt`, the use of Slurm's queue in `queueing`,
the training loop in `trainer_run`. Heavy packages are imported only when a training begins.

With several processes, `train_trial` runs at two levels: the command checks whether there is anything to train and launches the
processes (`several_processes`). Each of these calls `train_trial` again; the first one holds the lease and writes all files.
"""

from __future__ import annotations

from admire.campaign.layout import TrialLayout
from admire.campaign.schema.resources import Resources
from admire.campaign.validation_plan import ValidationPlan
from admire.distributed.ranks import Ranks
from admire.errors import StorageError, TrialError
from admire.train import announce, queueing
from admire.train.assignment import Order
from admire.train.attempt import under_the_lease
from admire.train.given_up import give_up
from admire.train.interruption import EXIT_CODE
from admire.train.several_processes import train_in_processes
from admire.trials import slurm_jobs
from admire.trials.attempts import Attempts
from admire.trials.lease import Lease
from admire.trials.records import restore


def train_trial(
    trial: TrialLayout,
    checkpoint_minutes: float = 10,
    attempt: int = 1,
    last_attempt: int | None = None,
    memory_mb: int | None = None,
    resources: Resources | None = None,
    validation: ValidationPlan | None = None,
) -> int:
    """Train a trial to its fraction of the steps and write `train.json`, unless that is there already. A longer training resumes
    from the checkpoint that a shorter one left at the end of its stable phase.

    Args:
        trial: the files of the trial, with the fraction.
        checkpoint_minutes: minutes between two checkpoints.
        attempt: the number of this attempt, from 1.
        last_attempt: an attempt with this number or a larger one trains nothing. It records the trial as failed, with the
            reason why the attempt before it ended. None: no limit.
        memory_mb: the memory that an attempt has, in MB; the record of a failure names it if an attempt needed more.
        resources: how many processes train, and how they use their machines.
        validation: which held-out rows are scored during the training, and when; None if none are.

    Returns:
        The exit code: 0 if there is a record (of a model, or of a failure that would happen again), 75 if the training was
        interrupted after a checkpoint. A process that another one launched returns 0 in both cases, because the launcher
        takes any other code for a failure and ends the remaining processes at once.

    Raises:
        TrialError: if the training broke; the traceback is in the trial's logs.
        StorageError: if files could no longer be written. This does not count as an attempt.
    """
    order = Order(trial, checkpoint_minutes, attempt, resources or Resources(), validation)
    ranks, lease = Ranks(), Lease(trial.lease)
    if ranks.size > 1:
        under_the_lease(order, lease, ranks)
        ranks.leave()
        return 0
    if restore(trial.train()):
        return announce.finished(trial)
    if slurm_jobs.node() > 0:
        return queueing.follow(train_in_processes(order))
    if queueing.queued_behind_its_holder(trial, lease):
        return EXIT_CODE
    if last_attempt is not None and attempt >= last_attempt:
        return give_up(trial, lease, memory_mb)
    code = _train(order, lease, ranks)
    if code == EXIT_CODE:
        queueing.requeue(trial)
    return code


def _train(order: Order, lease: Lease, ranks: Ranks) -> int:
    """Make one attempt, in this process or in several, and return the exit code."""
    if order.resources.world == 1:
        return under_the_lease(order, lease, ranks)
    try:
        return train_in_processes(order)
    except TrialError:
        # The launcher only reports that a process broke. Whether storage was the cause, that process wrote into the attempts.
        if (said := Attempts(order.trial.attempts).storage) is not None:
            raise StorageError(said) from None
        raise
