"""One trial's training from its spec to its record: never twice, never beside another, never further back than its last
checkpoint. One attempt is in `attempt`, what a Slurm job does besides in `queueing`, the training itself in `loop`; heavy imports
happen only when something is trained.

A training of several processes runs this file twice: the process that was called looks and launches (`several_processes`), and
of those that it starts the first holds the lease and writes, while the others only compute.
"""

from __future__ import annotations

from admire.campaign.layout import TrialLayout
from admire.campaign.schema.resources import Resources
from admire.campaign.validation_plan import ValidationPlan
from admire.distributed.ranks import Ranks
from admire.errors import StorageError, TrialError
from admire.train import announce, queueing
from admire.train.attempt import under_the_lease
from admire.train.given_up import give_up
from admire.train.interruption import EXIT_CODE
from admire.train.order import Order
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
    """Train a trial to its share of the steps, unless that is finished, and write `train.json`. A longer training goes on from
    what a shorter one left of the stable phase.

    Args:
        checkpoint_minutes: time between two checkpoints.
        attempt: which attempt this is, from 1.
        last_attempt: from this attempt on nothing is trained any more: the trial is recorded as failed, with the reason
            why the attempts before ended.
        memory_mb: the memory that an attempt is given, to be named when one had too little.
        resources: how many processes train, and how they use their machines.
        validation: which held-out rows are scored meanwhile, and when; none when left out.

    Returns:
        The exit code: 0 when there is a record (of a model, or of a failure that would repeat itself), 75 when the
        training was interrupted after a checkpoint. A process that another one launched returns 0 either way: a launcher
        takes everything else for a failure and ends the others at once.

    Raises:
        TrialError: if the training broke; the traceback is in the trial's logs.
        StorageError: if nothing could be written any more, which is no try at the training.
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
    """One attempt, in this process or in several."""
    if order.resources.world == 1:
        return under_the_lease(order, lease, ranks)
    try:
        return train_in_processes(order)
    except TrialError:  # what ended the one that broke
        if (said := Attempts(order.trial.attempts).storage) is not None:
            raise StorageError(said) from None
        raise
