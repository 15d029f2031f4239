"""One attempt at a training, under the trial's lease: whatever ends it stands in `attempts.jsonl`, and its reason in words."""

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
from admire.train.diary import Diary, Tally
from admire.train.interruption import EXIT_CODE, Interruption
from admire.train.order import Given, Order
from admire.trials import storage
from admire.trials.attempts import Attempts
from admire.trials.identity import Spec
from admire.trials.lease import Lease
from admire.trials.records import restore

REASON_LENGTH = 300  # characters of an error's message that enter records


def under_the_lease(order: Order, lease: Lease, ranks: Ranks) -> int:
    """One attempt, unless the process that we waited for finished the trial; returns the exit code.

    Raises:
        TrialError: if the training broke.
        StorageError: if nothing could be written any more.
    """
    trial = order.trial
    held = lease.hold(wait=True, waiting=lambda holder: announce.waiting(trial, holder))
    with held if ranks.first else contextlib.nullcontext():
        if ranks.broadcast(ranks.first and restore(trial.train())):
            return announce.finished(trial) if ranks.first else 0
        return _attempt(order, lease, ranks)


def _attempt(order: Order, lease: Lease, ranks: Ranks) -> int:
    """Train under the lease, and note in `attempts.jsonl` how it went."""
    trial, spec = order.trial, Spec.load(order.trial)
    attempts = Attempts(trial.attempts)
    steps = steps_of(spec, float(trial.share))
    start = ranks.broadcast(checkpoints.start(trial, steps.stable_end) if ranks.first else checkpoints.Start())
    tally = Tally()
    diary = Diary(attempts, order.attempt, tally)
    if ranks.first:
        if attempts.running and storage.full(trial.folder):
            attempts.take_back()  # killed in a write, as likely as not: no try
        diary.begin(start.step)
    try:
        with Interruption() as interruption:  # a signal while the model is saved must not cost it
            return _train(Given(order, spec, steps, start, lease, ranks), diary, interruption)
    except KeyboardInterrupt:
        if ranks.first:
            diary.end("interrupted", "interrupted twice, without a checkpoint")
        return EXIT_CODE
    except Exception as error:
        if (full := storage.trouble(error, trial.folder)) is not None:
            if ranks.first:
                _make_room(trial)
            if attempts.running and not ranks.lost_another(error):
                diary.stopped_by_storage(str(full))
            raise full from None
        raise _noted(error, trial, diary, ranks) from None


def _train(given: Given, diary: Diary, interruption: Interruption) -> int:
    """Train, and record what came out. Both load the libraries, which takes seconds in which signals are heard already."""
    if given.ranks.size == 1:  # a process has one GPU: the library would give each one that it sees a batch
        os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    from admire.train import outcome, trainer_run

    trained = trainer_run.train(given, diary.tally, interruption)
    return outcome.finish(given, trained, diary, interruption)


def _noted(error: Exception, trial: TrialLayout, diary: Diary, ranks: Ranks) -> AdmireError:
    """What broke the training, noted in `attempts.jsonl`; the traceback goes to a log unless the error says it all."""
    reason = _in_a_line(error)
    log = trial.logs / f"attempt_{diary.attempts.count}.log"
    if ranks.size > 1:
        log = log.with_stem(f"{log.stem}_process_{ranks.rank}")
    with contextlib.suppress(OSError):  # a full disk must not hide what happened
        # of several processes, the first one that breaks knows why
        if diary.attempts.running and not ranks.lost_another(error):
            diary.end("error", reason)
    if isinstance(error, AdmireError):
        return error
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    return TrialError(f"{trial.folder}: the training broke ({reason}); the traceback is in {log}")


def _make_room(trial: TrialLayout) -> None:
    """Remove what storage left half written: it would only be in the way of the attempt that comes when there is space again."""
    checkpoints.newest(trial.checkpoints)
    shutil.rmtree(model_folder.partial(trial), ignore_errors=True)


def _in_a_line(error: Exception) -> str:
    words = textwrap.shorten(str(error), REASON_LENGTH, placeholder=" ...")
    return f"{type(error).__name__}: {words}" if words else type(error).__name__
