"""Scores one suite on one trained trial, or restores the record of an earlier evaluation. Nothing is trained here.

Every failure ends in a record. Errors that another attempt would repeat (an impossible task, scores that are no numbers, model
weights that were removed) are recorded at once. Errors that may pass (a killed process, lack of memory, a broken node) are recorded
after a given number of attempts. `admire retry` opens failed evaluations again.
"""

from __future__ import annotations

import contextlib
import os
import textwrap
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from admire.campaign.layout import TrialLayout
from admire.campaign.recipes import suite_digest
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.evaluation import Benchmarks, Suite
from admire.campaign.schema.resources import Resources
from admire.distributed.torchrun import ProcessEndedError
from admire.errors import AdmireError, ConfigError, SourceError, TrialError
from admire.evaluate import suites
from admire.evaluate.interruption import STOPS, StoppedError, stoppable
from admire.evaluate.sandbox.isolation import best
from admire.trials import storage
from admire.trials.atomic_files import write_text
from admire.trials.attempts import Attempts
from admire.trials.identity import Spec
from admire.trials.reasons import last_reason, note_preemption
from admire.trials.records import (
    Evaluation,
    EvaluationRecord,
    finished_evaluation,
    held_back,
    hold_back,
    provenance,
    publish,
    read_training,
    restore,
)

Split = Literal["validation", "test"]

REASON_LENGTH = 300  # Records hold so many characters of an error's message.
REPEATS = (ConfigError, SourceError)  # A further attempt would end with the same error.


class _UnscorableError(TrialError):
    """The trial itself cannot be scored, for example because its model was removed; a further attempt would not help."""


@dataclass(frozen=True)
class _Scoring:
    """One suite on one trial."""

    campaign: Campaign
    trial: TrialLayout
    evaluation: Evaluation

    @property
    def suite(self) -> str:
        """The suite's name."""
        return self.evaluation.suite

    def failed(self, reason: str) -> EvaluationRecord:
        """The record of a suite that cannot be scored."""
        return self.evaluation.without_scores("failed", reason, provenance())


def evaluate(
    campaign: Campaign,
    trial: TrialLayout,
    suite: str,
    split: Split = "validation",
    resources: Resources | None = None,
    attempts: int | None = None,
) -> EvaluationRecord:
    """Score a trial's model on a suite and write `evaluate/<suite>-<digest8>.json`, or restore that record from an earlier run.

    If the training failed, the record is `skipped`, with the training's reason.

    Args:
        suite: a key of the campaign's `evaluation`.
        split: `validation` for campaigns, `test` for comparisons.
        resources: says how many processes share the items; None means one.
        attempts: after so many attempts that broke or were killed the suite is recorded as failed. Errors that would be repeated
            are recorded as failed at once. If None, errors are raised and never recorded as failed.

    Raises:
        ConfigError: if the campaign has no such suite.
        TrialError: if the trial is not trained, or if the scoring broke and may be attempted again; without `attempts` also if the
            trial's model was removed.
        StoppedError: if a signal stopped the scoring.
    """
    if suite not in campaign.evaluation:
        raise ConfigError(
            f"evaluation.{suite}: campaign {campaign.name} has no such suite; it has {', '.join(campaign.evaluation)}"
        )
    digest = suite_digest(campaign, suite, split)
    path = trial.evaluation(suite, digest)
    if restore(path):
        return finished_evaluation(path)
    scoring = _Scoring(campaign, trial, Evaluation(suite, split, digest))
    if (why := held_back(trial.train())) is not None:
        hold_back(path, why)
        return scoring.evaluation.without_scores("skipped", why, {})
    spec = Spec.load(trial)
    training = read_training(trial.train())
    if training is None:
        raise TrialError(
            f"{trial.train()}: the trial is not trained yet; run `admire train {trial.folder} --share {trial.share}` before "
            "evaluating it"
        )
    if training.status == "failed":
        reason = f"the training failed: {training.reason}"
        record = scoring.evaluation.without_scores("skipped", reason, provenance())
    else:
        record = _attempted(scoring, spec.threads, resources or Resources(), attempts)
    publish(path, record)
    return record


def _attempted(scoring: _Scoring, threads: int | None, resources: Resources, attempts: int | None) -> EvaluationRecord:
    """Make one attempt and note it beside the record; if no attempt is left, only make the record `failed`."""
    notes = Attempts(scoring.trial.scorings(scoring.suite, scoring.evaluation.digest))
    note_preemption(notes)
    if attempts is not None and notes.failures >= attempts:
        return scoring.failed(f"{last_reason(notes)} ({notes.failures} attempts)")
    number = notes.count + 1
    try:
        with _noted(notes, number):
            return _scored(scoring, threads, resources)
    except (*REPEATS, _UnscorableError) as error:
        if attempts is None:
            raise
        return scoring.failed(str(error))
    except TrialError as error:
        if attempts is None or notes.failures < attempts:
            raise TrialError(f"{scoring.trial.folder}: evaluation of suite {scoring.suite}: {error}") from None
        return scoring.failed(f"{last_reason(notes)} ({notes.failures} attempts)")


@contextlib.contextmanager
def _noted(notes: Attempts, number: int) -> Iterator[None]:
    """Note the block as an attempt, with its end. Unexpected errors become a `TrialError`, and their traceback goes to a log."""
    notes.begin(number, 0)
    try:
        with stoppable():
            yield
    except StoppedError:
        notes.end(number, "interrupted", 0, 0.0, "told to stop")
        raise
    except Exception as error:
        if (full := storage.trouble(error, notes.path.parent)) is not None:
            notes.stopped_by_storage(number, 0, 0.0, str(full))
            raise full from None
        if not isinstance(error, (*REPEATS, TrialError)):
            raise _broken(notes, number, error) from None
        notes.end(number, "error", 0, 0.0, _in_a_line(error))
        raise
    notes.end(number, "ok", 0, 0.0)


def _broken(notes: Attempts, number: int, error: Exception) -> TrialError:
    """Note an attempt that broke, write its traceback to a log, and return the sentence to raise."""
    reason = _in_a_line(error)
    notes.end(number, "error", 0, 0.0, reason)
    log = notes.path.with_name(f"{notes.path.name.removesuffix('.attempts.jsonl')}.attempt_{number}.log")
    write_text(log, traceback.format_exc())
    return TrialError(f"the scoring broke ({reason}); the traceback is in {log}")


def _in_a_line(error: Exception) -> str:
    words = textwrap.shorten(str(error), REASON_LENGTH, placeholder=" ...")
    if isinstance(error, AdmireError):
        return words
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _scored(scoring: _Scoring, threads: int | None, resources: Resources) -> EvaluationRecord:
    """Run the suite. On CPU it uses as many threads as the training, because rounding, and so scores, depend on the number."""
    campaign, trial, suite = scoring.campaign, scoring.trial, scoring.suite
    if not trial.model().is_dir():
        raise _UnscorableError(
            f"the trained weights were removed (admire prune), so suite {suite} cannot score this trial; take the suite out of "
            "`evaluation`, or score it in a campaign of its own"
        )
    try:
        outcome = suites.score(campaign, suite, trial.model(), scoring.evaluation.split, threads, resources)
    except ConfigError as error:
        raise ConfigError(f"evaluation.{suite}: {error}") from None
    except ProcessEndedError as error:
        if error.signal in STOPS:
            raise StoppedError(f"told to stop by {error.signal}; the same command scores the suite again") from None
        raise TrialError(error.what) from None
    return scoring.evaluation.scored(
        outcome.metrics,
        outcome.seconds,
        sum(os.times()[:4]),  # This includes the CPU time of child processes.
        outcome.warnings,
        provenance={
            **provenance(*outcome.packages),
            "batch_size": campaign.evaluation[suite].batch_size,
            "processes": resources.evaluation_processes,
            "threads": outcome.threads,
            **_isolation(campaign.evaluation[suite]),
        },
    )


def _isolation(suite: Suite) -> dict[str, str]:
    """For the record: the isolation in which programs of the model ran; empty if the suite runs none."""
    return {"isolation": best().name} if isinstance(suite, Benchmarks) and suite.runs_code else {}
