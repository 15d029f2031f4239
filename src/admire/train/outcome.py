"""Saves the result of an attempt: a model and its record, the record of a final failure, or a checkpoint to resume from."""

from __future__ import annotations

import os
import shutil
import time

import psutil
from transformers import PreTrainedModel

from admire.train import announce, model_folder
from admire.train.assignment import Given
from admire.train.attempt_notes import AttemptNotes
from admire.train.callbacks import logged_losses
from admire.train.interruption import EXIT_CODE, Interruption
from admire.train.trainer_run import Trained
from admire.trials.records import TrainRecord, provenance, publish

LOSS_WINDOW = 20  # The record's training loss is the mean of so many last steps, since the loss of one step is noisy.


def finish(given: Given, trained: Trained, notes: AttemptNotes, interruption: Interruption) -> int:
    """Save the result and return the exit code. All processes call this and take the same branch; only the first writes records."""
    trial, ranks, step = given.trial, given.ranks, notes.tally.step
    ours = ranks.broadcast(ranks.first and not given.lease.lost and given.lease.held())
    if ours and (trained.whole or trained.hopeless is not None):
        if trained.hopeless is None:
            model_folder.save(given, trained.trainer)
        if not ranks.first:
            return 0
        record = _record(given, trained, notes)
        publish(trial.train(), record)  # The record comes first, because the trial counts as finished from then on.
        notes.end(record.status, record.reason)
        shutil.rmtree(trial.checkpoints, ignore_errors=True)
        return announce.finished(trial)
    if not ranks.first:
        return EXIT_CODE
    if not ours:
        notes.end("interrupted", "another process took the trial's lease")
        return EXIT_CODE
    notes.end("interrupted", f"{interruption.reason} at step {step}")
    announce.say(trial, f"{interruption.reason}: a checkpoint of step {step} is kept, the same command resumes it")
    return EXIT_CODE


def _record(given: Given, trained: Trained, notes: AttemptNotes) -> TrainRecord:
    trainer, state, start = trained.trainer, trained.trainer.state, given.start
    logged = logged_losses(state)
    losses = [entry["loss"] for entry in logged][-LOSS_WINDOW:]
    seconds = start.seconds + notes.tally.seconds
    before = next((one["num_input_tokens_seen"] for one in logged if one["step"] == start.continued_from), 0)
    return TrainRecord(
        status="ok" if trained.hopeless is None else "failed",
        digest=given.spec.digest,
        reason=trained.hopeless,
        steps=state.global_step,
        planned_steps=given.steps.last,
        continued_from=start.continued_from,
        tokens=state.num_input_tokens_seen,
        loss=sum(losses) / len(losses) if trained.hopeless is None else None,
        seconds=seconds,
        validation_seconds=trained.validation_seconds,
        first_step_seconds=_first_step_seconds(given, notes),
        cpu_seconds=time.process_time(),
        gpus=0 if trainer.args.use_cpu else trainer.args.world_size,
        tokens_per_second=(state.num_input_tokens_seen - before) / (seconds - trained.validation_seconds),
        attempts=notes.attempts.count,
        parameters=trainer.model.num_parameters() if isinstance(trainer.model, PreTrainedModel) else None,
        learned=trained.built.learned(),
        warnings=trained.warnings,
        provenance=provenance(*trained.built.packages),
    )


def _first_step_seconds(given: Given, notes: AttemptNotes) -> float | None:
    """Seconds from the start of the command to the end of this attempt's first step; None if it took no step."""
    if notes.tally.first_step is None:
        return None
    # With several processes, the command is the parent that launched them.
    called = psutil.Process(os.getppid() if given.ranks.size > 1 else None)
    return notes.tally.first_step - called.create_time()
