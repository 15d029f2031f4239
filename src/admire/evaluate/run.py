"""One suite on one trained trial: restore the record, or score the model and publish it. Nothing is trained here."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

from admire.campaign.config import Campaign, DomainLoss
from admire.campaign.layout import TrialLayout
from admire.campaign.recipes import suite_digest
from admire.errors import ConfigError, TrialError
from admire.trials.records import EvaluationRecord, provenance, publish, read_evaluation, read_training, restore
from admire.trials.spec import Spec

Split = Literal["validation", "test"]


def evaluate(campaign: Campaign, trial: TrialLayout, suite: str, split: Split = "validation") -> EvaluationRecord:
    """Score a trial's model on a suite and write `evaluate/<suite>-<digest8>.json`; a record that is there is restored.

    A trial whose training failed gets a record `skipped` with the training's reason.

    Args:
        split: what campaigns are scored on (`validation`), or benchmarks (`test`).

    Raises:
        ConfigError: if the campaign has no such suite.
        TrialError: if the trial is not trained, or its weights were removed.
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
            f"{trial.train()}: the trial is not trained yet; run `admire train {trial.folder}` before evaluating it"
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
        record = _scored(campaign, trial.model(), suite, split, digest, spec.decides.get("threads"))
    publish(path, record)
    return record


def _scored(
    campaign: Campaign, model: Path, suite: str, split: Split, digest: str, threads: int | None
) -> EvaluationRecord:
    """Run the suite. On CPU with the threads of the training: sums, and so scores, depend on them."""
    import torch

    settings = campaign.evaluation[suite]
    if isinstance(settings, DomainLoss):
        from admire.evaluate import domain_loss as room
    else:
        from admire.evaluate import benchmarks as room
    if threads is not None:
        torch.set_num_threads(threads)
    begin = time.perf_counter()
    try:
        scores = room.scores(campaign, settings, model, split)
    except ConfigError as error:
        raise ConfigError(f"evaluation.{suite}: {error}") from None
    return EvaluationRecord(
        status="ok",
        suite=suite,
        split=split,
        digest=digest,
        metrics=scores,
        seconds=time.perf_counter() - begin,
        cpu_seconds=time.process_time(),
        provenance={
            **provenance(*room.PACKAGES),
            "batch_size": settings.batch_size,
            "threads": torch.get_num_threads(),
        },
    )
