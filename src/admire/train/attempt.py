"""One attempt at a training, made while holding the trial's lease. However it ends, `attempts.jsonl` gets outcome and reason."""

from __future__ import annotations

import contextlib
import os
import shutil
import textwrap
import traceback

from admire.campaign.layout import TrialLayout
from admire.distributed.ranks import Ranks
from admire.errors import AdmireError, TrialError
from admire.train import announce, checkpoints, model_folder
from admire.train.arguments import steps_of
from admire.train.assignment import Given, Order
from admire.train.attempt_notes import AttemptNotes, Tally
from admire.train.interruption import EXIT_CODE, Interruption
from admire.trials import storage
from admire.trials.atomic_files import write_text
from admire.trials.attempts import Attempts
from admire.trials.identity import Spec
from admire.trials.lease import Lease
from admire.trials.reasons import note_preemption
from admire.trials.records import restore

REASON_LENGTH = 300  # Records keep so many characters of an error's message, because some messages run over pages.


def under_the_lease(order: Order, lease: Lease, ranks: Ranks) -> int:
    """Wait for the trial's lease, then make one attempt unless the previous holder finished the trial.

    Returns:
        The exit code.

    Raises:
        TrialError: if the training broke.
        StorageError: if files could no longer be written.
    """
    trial = order.trial
    held = lease.hold(wait=True, waiting=lambda holder: announce.waiting(trial, holder))
    with held if ranks.first else contextlib.nullcontext():
        if ranks.broadcast(ranks.first and restore(trial.train())):
            return announce.finished(trial) if ranks.first else 0
        return _attempt(order, lease, ranks)


def _attempt(order: Order, lease: Lease, ranks: Ranks) -> int:
    """Train, and record the attempt's outcome in `attempts.jsonl`. The caller holds the lease."""
    trial, spec = order.trial, Spec.load(order.trial)
    _check_links(trial)
    attempts = Attempts(trial.attempts)
    steps = steps_of(spec, float(trial.share))
    start = ranks.broadcast(checkpoints.start(trial, steps.stable_end) if ranks.first else checkpoints.Start())
    tally = Tally()
    notes = AttemptNotes(attempts, order.attempt, tally)
    if ranks.first:
        if attempts.running and storage.full(trial.folder):
            # The disk is full, so the previous attempt was probably killed by a failed write, which does not count.
            attempts.take_back()
        note_preemption(attempts, start.step)
        notes.begin(start.step)
    try:
        # Signals are also caught while the model is saved: otherwise one would end the process and lose the model.
        with Interruption() as interruption:
            return _train(Given(order, spec, steps, start, lease, ranks), notes, interruption)
    except KeyboardInterrupt:
        if ranks.first:
            notes.end("interrupted", "interrupted twice, without a checkpoint")
        return EXIT_CODE
    except Exception as error:
        if (full := storage.trouble(error, trial.folder)) is not None:
            if ranks.first:
                _make_room(trial)
            if attempts.running and not ranks.lost_another(error):
                notes.stopped_by_storage(str(full))
            raise full from None
        raise _noted(error, trial, notes, ranks) from None


def _check_links(trial: TrialLayout) -> None:
    """Refuse a trial whose outcome would be written, and what lies there be removed, behind a link.

    Raises:
        TrialError: names the link.
    """
    for folder in (trial.outcome, trial.model()):
        if folder.is_symlink():
            raise TrialError(f"{folder}: is a link, and may lead to files of somebody else; put a folder in its place")


def _train(given: Given, notes: AttemptNotes, interruption: Interruption) -> int:
    """Train, and record the result. The imports take seconds and stand here because signals are caught by now."""
    if given.ranks.size == 1:
        # A single process trains on one GPU. If the library saw more of them, it would give each a batch of its own.
        os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    from admire.train import outcome, trainer_run

    trained = trainer_run.train(given, notes.tally, interruption)
    return outcome.finish(given, trained, notes, interruption)


def _noted(error: Exception, trial: TrialLayout, notes: AttemptNotes, ranks: Ranks) -> AdmireError:
    """Record an error in `attempts.jsonl` and return the error to raise. The traceback of an unexpected one goes to a log file."""
    reason = _in_a_line(error)
    log = trial.logs / f"attempt_{notes.attempts.count}.log"
    if ranks.size > 1:
        log = log.with_stem(f"{log.stem}_process_{ranks.rank}")
    with contextlib.suppress(OSError):  # A full disk must not hide the error itself.
        # The process that broke first knows the cause; the others only report that they lost their connection to it.
        if notes.attempts.running and not ranks.lost_another(error):
            notes.end("error", reason)
    if isinstance(error, AdmireError):
        return error
    write_text(log, "".join(traceback.format_exception(error)))
    return TrialError(f"{trial.folder}: the training broke ({reason}); the traceback is in {log}")


def _make_room(trial: TrialLayout) -> None:
    """Remove half-written checkpoints and model files, so that they take no space from the next attempt."""
    checkpoints.newest(trial.checkpoints)
    shutil.rmtree(model_folder.partial(trial), ignore_errors=True)


def _in_a_line(error: Exception) -> str:
    words = textwrap.shorten(str(error), REASON_LENGTH, placeholder=" ...")
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
