"""One suite on one trained trial: restore the record, or score the model and publish it. Nothing is trained here."""

from __future__ import annotations

import os
from typing import Literal

from admire.campaign.config import Campaign, Resources
from admire.campaign.layout import TrialLayout
from admire.campaign.recipes import suite_digest
from admire.distributed.launch import ProcessEndedError
from admire.errors import ConfigError, TrialError
from admire.evaluate import processes
from admire.trials.records import EvaluationRecord, provenance, publish, read_evaluation, read_training, restore
from admire.trials.spec import Spec

Split = Literal["validation", "test"]


def evaluate(
    campaign: Campaign,
    trial: TrialLayout,
    suite: str,
    split: Split = "validation",
    resources: Resources | None = None,
) -> EvaluationRecord:
    """Score a trial's model on a suite and write `evaluate/<suite>-<digest8>.json`; a record that is there is restored.

    A trial whose training failed gets a record `skipped` with the training's reason.

    Args:
        split: what campaigns are scored on (`validation`), or benchmarks (`test`).
        resources: how many processes share the items; one when left out.

    Raises:
        ConfigError: if the campaign has no such suite.
        TrialError: if the trial is not trained, its weights were removed, or one of several processes broke.
    """
    if suite not in campaign.evaluation:
        raise ConfigError(
            f"evaluation.{suite}: campaign {campaign.name} has no such suite; it has {', '.join(campaign.evaluation)}"
        )
    digest = suite_digest(campaign, suite, split)
    path = trial.evaluation(suite, digest)
    if restore(path):
        record = read_evaluation(path)
        assert record is not None
        return record
    spec = Spec.load(trial)
    training = read_training(trial.train())
    if training is None:
        raise TrialError(
            f"{trial.train()}: the trial is not trained yet; run `admire train {trial.folder} --share {trial.share}` before "
            "evaluating it"
        )
    if training.status == "failed":
        record = EvaluationRecord(
            status="skipped",
            suite=suite,
            split=split,
            digest=digest,
            reason=f"the training failed: {training.reason}",
            provenance=provenance(),
        )
    elif not trial.model().is_dir():
        raise TrialError(
            f"{trial.model()}: the trained weights were removed (admire prune), so suite {suite} cannot score this trial; "
            "take the suite out of `evaluation`, or score it in a campaign of its own"
        )
    else:
        threads = spec.decides.get("threads")
        record = _scored(campaign, trial, suite, split, digest, threads, resources or Resources())
    publish(path, record)
    return record


def _scored(
    campaign: Campaign,
    trial: TrialLayout,
    suite: str,
    split: Split,
    digest: str,
    threads: int | None,
    resources: Resources,
) -> EvaluationRecord:
    """Run the suite. On CPU with the threads of the training: sums, and so scores, depend on them."""
    try:
        outcome = processes.score(campaign, suite, trial.model(), split, threads, resources)
    except ConfigError as error:
        raise ConfigError(f"evaluation.{suite}: {error}") from None
    except ProcessEndedError as error:
        raise TrialError(f"{trial.folder}: evaluation of suite {suite}: {error}") from None
    return EvaluationRecord(
        status="ok",
        suite=suite,
        split=split,
        digest=digest,
        metrics=outcome.metrics,
        seconds=outcome.seconds,
        cpu_seconds=sum(os.times()[:4]),  # those of processes that it started included
        provenance={
            **provenance(*outcome.packages),
            "batch_size": campaign.evaluation[suite].batch_size,
            "processes": resources.evaluation_processes,
            "threads": outcome.threads,
        },
    )
