"""The record of a trial that is given up because no attempt could finish it."""

from __future__ import annotations

from admire.campaign.layout import TrialLayout
from admire.train import announce, checkpoints
from admire.train.arguments import steps_of
from admire.trials.attempts import Attempts
from admire.trials.identity import Spec
from admire.trials.lease import Lease
from admire.trials.reasons import last_reason
from admire.trials.records import TrainRecord, provenance, publish, restore


def give_up(trial: TrialLayout, lease: Lease, memory_mb: int | None) -> int:
    """Record a trial as failed, with the reason why its last attempt ended, and return the exit code.

    Args:
        memory_mb: the memory that an attempt had, in MB; the reason names it if the attempt needed more.
    """
    with lease.hold(wait=True, waiting=lambda holder: announce.waiting(trial, holder)):
        if restore(trial.train()):
            return announce.finished(trial)
        attempts = Attempts(trial.attempts)
        spec = Spec.load(trial)
        start = checkpoints.start(trial, steps_of(spec, float(trial.share)).stable_end)
        record = TrainRecord(
            status="failed",
            digest=spec.digest,
            reason=f"given up after {attempts.count} attempts, the last one: {last_reason(attempts, memory_mb)}",
            steps=start.step,
            continued_from=start.continued_from,
            seconds=start.seconds,
            attempts=attempts.count,
            provenance=provenance(),
        )
        publish(trial.train(), record)
    return announce.finished(trial)
