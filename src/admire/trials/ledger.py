"""The ledger of a campaign: all its trials with their state, read from its own proposals and the trials' records.

Only trials that this campaign proposed or imported are evidence. A finished trial of another campaign is reused, without training,
when this campaign proposes it; until then it is not evidence.
"""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from admire.campaign.fidelity import label
from admire.campaign.layout import BASE, FINAL, CampaignLayout, Layout, TrialLayout
from admire.campaign.recipes import suite_digest
from admire.campaign.schema.campaign import Campaign
from admire.space import money
from admire.trials.atomic_files import open_state
from admire.trials.decision_records import DecidedTrial, read_proposal
from admire.trials.identity import Spec
from admire.trials.records import EvaluationRecord, Score, TrainRecord, read_evaluation, read_training

State = Literal["proposed", "trained", "done", "failed"]


@dataclass(frozen=True)
class Trial:
    """One row of the ledger.

    Attributes:
        decision: the decision that proposed it, for example `step_0003/lane_0` or `final_0007`.
        weights: K weights, which are the trial's row counts divided by their sum, in the order of the YAML.
        cost: nominal cost, committed as soon as the proposal exists; for a trial that resumes a shorter training, the difference.
        predicted: the method's predictions: `mean` and `sd` of the objective at the target, and the `acquisition` value. Empty if
            the method made none.
        state: `proposed` (not trained yet), `trained` (not scored yet), `done`, or `failed` (its training failed, or a metric of
            the objective will never have a score).
        record: the record of its training; None before that has ended.
        scores: metric -> score, for all suites that have been scored.
        missing: metric that will never have a score -> the reason.
        share: fraction of the training steps after which it stops; 1 is the whole training.
    """

    spec: Spec
    decision: str
    weights: np.ndarray
    cost: float
    predicted: dict[str, float]
    state: State
    record: TrainRecord | None
    scores: dict[str, Score] = field(default_factory=dict)
    share: float = 1.0
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def model(self) -> str:
        """The name of the trial's model."""
        return self.spec.model

    @property
    def fidelity(self) -> str:
        """The model's name, with the fraction of the steps if the trial stops early: `S @ 25 %`."""
        return label(self.model, self.share)

    @property
    def name(self) -> str:
        """The name of this row of the ledger: the digest, with the fraction of the steps if the trial stops early."""
        return self.spec.digest if self.share == 1 else f"{self.spec.digest}@{self.share}"

    @property
    def reason(self) -> str | None:
        """Why the training or the scoring failed; None if neither did."""
        if self.state != "failed":
            return None
        if self.record is not None and self.record.status == "failed":
            return self.record.reason
        metrics: dict[str, list[str]] = {}
        for metric, why in self.missing.items():
            metrics.setdefault(why, []).append(metric)
        return "; ".join(f"{', '.join(names)} not scored: {why}" for why, names in metrics.items())

    def files(self, results: Path | str) -> TrialLayout:
        """The paths of the trial's files, in the results folder `results`."""
        return Layout(Path(results)).trial(self.model, self.spec.digest, self.share)

    def learned(self, names: tuple[str, ...]) -> np.ndarray:
        """K weights of the named sources that the training of a DoReMi proxy arrived at; NaN for ordinary trainings."""
        if self.record is None or not self.record.learned:
            return np.full(len(names), np.nan)
        by_name = {source["name"]: self.record.learned[source["sha256"]] for source in self.spec.sources}
        return np.array([by_name.get(name, 0.0) for name in names])


@dataclass(frozen=True)
class Ledger:
    """The trials of a campaign in the order of their decisions."""

    campaign: Campaign
    trials: tuple[Trial, ...]

    @classmethod
    def read(cls, campaign: Campaign) -> Ledger:
        """Read proposals and records from the campaign's results folder."""
        return cls(campaign, tuple(rows(campaign)))

    @property
    def committed(self) -> float:
        """Nominal cost of all trials that were proposed, whatever their outcome."""
        return money.total(trial.cost for trial in self.trials)

    @property
    def spent(self) -> float:
        """Nominal cost of the trials whose training has ended."""
        return money.total(trial.cost for trial in self.trials if trial.record is not None)


def rows(campaign: Campaign) -> Iterator[Trial]:
    """The ledger's trials, read one by one."""
    layout = Layout(Path(campaign.results))
    for path in proposals(layout.campaign(campaign.name)):
        decision = str(path.parent.relative_to(layout.campaign(campaign.name).folder))
        for entry in read_proposal(path).trials:
            yield _trial(campaign, layout, decision, entry, path)


def proposals(layout: CampaignLayout) -> list[Path]:
    """The paths of the campaign's proposals: by step, then by lane, each final decision after the step that it follows.

    The proposals of base models and benchmarks are not listed: neither is paid from the campaign's budget.
    """
    return sorted([*layout.proposals(), *layout.finals()], key=_decision_order)


def _decision_order(path: Path) -> tuple[int, bool, int]:
    """The sort key of a decision: its step, whether it is the final decision after that step, its lane."""
    if path.parent.name.startswith(FINAL):
        return int(path.parent.name.removeprefix(f"{FINAL}_")), True, 0
    return int(path.parent.parent.name.removeprefix("step_")), False, int(path.parent.name.removeprefix("lane_"))


def base_specs(campaign: Campaign) -> list[tuple[Spec, float]]:
    """The specs of the base models that the workflow pre-trains for this campaign, with their nominal costs."""
    path = Layout(Path(campaign.results)).campaign(campaign.name).special(BASE)
    if not path.is_file():
        return []
    return [(entry.read_spec(path), entry.cost) for entry in read_proposal(path).trials]


def objective(campaign: Campaign, scores: dict[str, Score]) -> float | None:
    """The objective of a trial, which is the signed weighted mean of its metrics; None while one of them is missing."""
    if any(metric not in scores for metric in campaign.objective):
        return None
    total = sum(abs(weight) for weight in campaign.objective.values())
    return sum(weight * scores[metric].value for metric, weight in campaign.objective.items()) / total


@contextlib.contextmanager
def locked(layout: CampaignLayout) -> Iterator[None]:
    """Hold the campaign's ledger lock during the block. The system releases it when the process dies."""
    with open_state(layout.ledger_lock) as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def _trial(campaign: Campaign, layout: Layout, decision: str, entry: DecidedTrial, origin: Path) -> Trial:
    spec, share = entry.read_spec(origin), entry.share
    files = entry.files(layout)
    counts = spec.counts(tuple(campaign.sources))
    record = read_training(files.train())
    scores: dict[str, Score] = {}
    missing: dict[str, str] = {}
    whole = True
    for suite in campaign.evaluation:
        evaluation = read_evaluation(files.evaluation(suite, suite_digest(campaign, suite)))
        whole &= evaluation is not None or suite not in campaign.deciding_suites
        if evaluation is not None:
            scores |= {f"{suite}/{metric}": score for metric, score in evaluation.metrics.items()}
            missing |= _missing(campaign, suite, evaluation)
    if record is None:
        state: State = "proposed"
    elif record.status == "failed" or any(campaign.objective.get(metric) for metric in missing):
        state = "failed"
    else:
        state = "done" if whole else "trained"
    return Trial(
        spec, decision, counts / counts.sum(), entry.cost, entry.predicted, state, record, scores, share, missing
    )


def _missing(campaign: Campaign, suite: str, evaluation: EvaluationRecord) -> dict[str, str]:
    """Metric that a suite should have measured and did not -> the reason; empty if it was skipped because the training failed."""
    if evaluation.status == "skipped":
        return {}
    metrics = [metric for metric in campaign.metrics if metric.partition("/")[0] == suite]
    reasons = {metric: evaluation.why_missing(metric.partition("/")[2]) for metric in metrics}
    return {metric: why for metric, why in reasons.items() if why is not None}
