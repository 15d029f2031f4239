"""Typed records of decisions and of the refits after them: `proposal.json` and `update.json`.

Files of earlier versions can be read: keys that are newer than a file have defaults, and keys that no longer exist are ignored.
Only keys that were set are written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from admire.campaign.layout import Layout, TrialLayout, standing
from admire.errors import TrialError
from admire.trials.atomic_files import read_json
from admire.trials.identity import Spec


class _Written(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    def written(self) -> dict[str, Any]:
        """The mapping that is written to the file."""
        return self.model_dump(exclude_unset=True)


class DecidedTrial(_Written):
    """One trial of a decision.

    Attributes:
        spec: the trial's spec, as `Spec.as_dict` returns it.
        cost: nominal cost in the budget's unit; for a trial that resumes a shorter training, the difference.
        share: fraction of the training steps after which the trial stops.
        predicted: the method's prediction of the objective at the target; empty if it made none.
        why: the method's reason for choosing this trial.
        unit: for a base model, the unit of cost in its own campaign.
        campaign_file: for a base model, the YAML of its own campaign.
        base_of: for a base model, the names of the models that start from it.
        mixture: for a comparison, the name of the mixture.
    """

    spec: dict[str, Any]
    cost: float
    share: float = 1.0
    predicted: dict[str, float] = {}
    why: str = ""
    unit: str | None = None
    campaign_file: str | None = None
    base_of: tuple[str, ...] = ()
    mixture: str | None = None

    @property
    def digest(self) -> str:
        """The trial's digest, which names its folder."""
        return self.spec["digest"]

    @property
    def model(self) -> str:
        """The name of the trial's model."""
        return self.spec["labels"]["model"]

    def read_spec(self, origin: Path) -> Spec:
        """The trial's spec as an object.

        Args:
            origin: the file that this decision was read from, for messages.

        Raises:
            TrialError: if that file was edited, so that the spec does not match its digest.
        """
        return Spec.from_dict(self.spec, origin)

    def files(self, layout: Layout) -> TrialLayout:
        """The paths of the trial's files."""
        return layout.trial(self.model, self.digest, self.share)


class ProposalRecord(_Written):
    """A decision, `proposal.json`. The kind of the decision determines which keys are set.

    Attributes:
        pending: names of the trials that were decided before and had not finished.
        evidence: number of trials that had finished.
        reason: why the decision has no trial; None if it has some.
    """

    campaign: str = ""
    decision: str = ""
    time: str = ""
    version: str = ""
    seconds: float = 0.0
    step: int | None = None
    lane: int | None = None
    method: str | None = None
    seed: int | None = None
    pending: tuple[str, ...] = ()
    evidence: int | None = None
    budget: float | None = None
    budget_left: float | None = None
    reserved: float | None = None
    reason: str | None = None
    trials: tuple[DecidedTrial, ...] = ()


class RecommendationRecord(_Written):
    """The recommended mixture in an update: weights by source, and the other keys of `optimize.problem.Recommendation`."""

    weights: dict[str, float]
    weights_low: dict[str, float] | None = None
    weights_high: dict[str, float] | None = None
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    how: str = ""
    beats_prior: float | None = None
    is_best: float | None = None
    observed_is_best: float | None = None
    trust: float | None = None
    accuracy: dict[str, float] = {}
    hyperparameters: dict[str, Any] = {}


class ObservedBest(_Written):
    """The target trial with the best observed score so far. That score is optimistic, because noise helped to select it."""

    digest: str
    model: str
    objective: float
    weights: dict[str, float]


class UpdateRecord(_Written):
    """The refit after a decision's trials, `update.json`.

    Attributes:
        proposed: number of trials of the decision.
        reason: why the decision had no trial; None if it had some.
        evidence: names of the finished trials that the refit used.
        seen: number of those trials.
        gain_per_cost: the largest expected gain of the objective at the target, per unit of cost.
        trials: state of a trial -> number of trials in it.
    """

    campaign: str
    step: int
    lane: int
    time: str
    version: str
    method: str
    proposed: int
    reason: str | None
    evidence: tuple[str, ...]
    seen: int
    recommendation: RecommendationRecord
    observed_best: ObservedBest | None
    budget: float
    spent: float
    committed: float
    reserved: float
    gain_per_cost: float | None
    trials: dict[str, int]
    seconds: float


Record = TypeVar("Record", ProposalRecord, UpdateRecord)


def read_proposal(path: Path) -> ProposalRecord:
    """Read a decision from its file, or from the kept copy while that file is missing.

    Raises:
        TrialError: if the content is not a decision; names the file and the key.
    """
    return _read(path, ProposalRecord)


def read_update(path: Path) -> UpdateRecord:
    """Read an update from its file, or from the kept copy while that file is missing.

    Raises:
        TrialError: if the content is not an update; names the file and the key.
    """
    return _read(path, UpdateRecord)


def _read(path: Path, kind: type[Record]) -> Record:
    source = standing(path)
    try:
        return kind.model_validate(read_json(source))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise TrialError(f"{source}: {key}: {first['msg']}; it was edited: restore or remove it") from None
