"""The record of a trial that no attempt could finish."""

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
    """Record as failed what no attempt could finish, with the reason of the last one; returns the exit code.

    Args:
        memory_mb: the memory that an attempt was given, to be named when it was too little.
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
