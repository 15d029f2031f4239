"""One suite on one trained trial: restore the record, or score the model and publish it. Nothing is trained here.

Whatever goes wrong ends as a state. What would fail again in the same way (a task that cannot be, scores that are no numbers,
weights that are gone) is recorded as failed at once; what may pass (a process that was killed, memory, a node) after so many
attempts. `admire retry` opens it again.
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
from admire.evaluate.sandbox.isolation import best
from admire.evaluate.stopping import STOPS, StoppedError, stoppable
from admire.trials import storage
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

REASON_LENGTH = 300  # characters of an error's message that enter records
REPEATS = (ConfigError, SourceError)  # a further attempt would end in the same way


class _UnscorableError(TrialError):
    """What the trial itself lacks; a further attempt would end in the same way."""


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
    """Score a trial's model on a suite and write `evaluate/<suite>-<digest8>.json`; a record that is there is restored.

    A trial whose training failed gets a record `skipped` with the training's reason.

    Args:
        split: what campaigns are scored on (`validation`), or benchmarks (`test`).
        resources: how many processes share the items; one when left out.
        attempts: after so many attempts that broke or were killed the suite is recorded as failed, and at once where another
            one would end in the same way; when left out, errors are only raised.

    Raises:
        ConfigError: if the campaign has no such suite.
        TrialError: if the trial is not trained, or the scoring broke and may be attempted again; without `attempts` also if its
            weights were removed.
        StoppedError: if it was told to stop.
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
    """One attempt, noted beside the record; or what the attempts before leave to say."""
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
    """Inside the block is an attempt. Errors that nobody meant for a reader become a sentence, their traceback a log."""
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
    """Note an attempt that broke, keep its traceback, and say it in a sentence."""
    reason = _in_a_line(error)
    notes.end(number, "error", 0, 0.0, reason)
    log = notes.path.with_name(f"{notes.path.name.removesuffix('.attempts.jsonl')}.attempt_{number}.log")
    log.write_text(traceback.format_exc(), encoding="utf-8")
    return TrialError(f"the scoring broke ({reason}); the traceback is in {log}")


def _in_a_line(error: Exception) -> str:
    words = textwrap.shorten(str(error), REASON_LENGTH, placeholder=" ...")
    if isinstance(error, AdmireError):
        return words
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _scored(scoring: _Scoring, threads: int | None, resources: Resources) -> EvaluationRecord:
    """Run the suite. On CPU with the threads of the training: sums, and so scores, depend on them."""
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
        sum(os.times()[:4]),  # those of processes that it started included
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
    """What kept programs of the model apart, for the record; nothing where none could run."""
    return {"isolation": best().name} if isinstance(suite, Benchmarks) and suite.runs_code else {}
