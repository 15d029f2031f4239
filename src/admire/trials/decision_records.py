"""Typed decisions and what was learnt from them: `proposal.json` and `update.json`.

Files of earlier versions are read as they are: keys that came later have defaults, keys that are gone are passed over. What is
written holds exactly the keys that were set.
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
        """What its file holds."""
        return self.model_dump(exclude_unset=True)


class DecidedTrial(_Written):
    """One trial of a decision."""

    spec: dict[str, Any]  # `Spec.as_dict`
    cost: float  # nominal; of a trial that goes on with a shorter training, the difference
    share: float = 1.0  # of the training steps
    predicted: dict[str, float] = {}  # of the objective at the target, as far as the method said
    why: str = ""
    unit: str | None = None  # of a base model: its campaign's unit ...
    campaign_file: str | None = None  # ... and YAML ...
    base_of: tuple[str, ...] = ()  # ... and the models that start from it
    mixture: str | None = None  # of a comparison: which mixture this is

    @property
    def digest(self) -> str:
        """Names the trial's folder."""
        return self.spec["digest"]

    @property
    def model(self) -> str:
        """The model's label."""
        return self.spec["labels"]["model"]

    def read_spec(self, origin: Path) -> Spec:
        """The trial's spec.

        Raises:
            TrialError: if the file it comes from, `origin`, was edited.
        """
        return Spec.from_dict(self.spec, origin)

    def files(self, layout: Layout) -> TrialLayout:
        """Where it lies."""
        return layout.trial(self.model, self.digest, self.share)


class ProposalRecord(_Written):
    """A decision, `proposal.json`; which keys there are depends on its kind."""

    campaign: str = ""
    decision: str = ""
    time: str = ""
    version: str = ""
    seconds: float = 0.0
    step: int | None = None
    lane: int | None = None
    method: str | None = None
    seed: int | None = None
    pending: tuple[str, ...] = ()  # trials that were decided and not finished
    evidence: int | None = None  # trials that were finished
    budget: float | None = None
    budget_left: float | None = None
    reserved: float | None = None
    reason: str | None = None  # why there is no trial
    trials: tuple[DecidedTrial, ...] = ()


class RecommendationRecord(_Written):
    """The recommended mixture in an update; weights by source, everything else as in `optimize.problem.Recommendation`."""

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
    """The best target trial so far by its observed score, which is flattered by noise."""

    digest: str
    model: str
    objective: float
    weights: dict[str, float]


class UpdateRecord(_Written):
    """What was learnt after a decision's trials, `update.json`."""

    campaign: str
    step: int
    lane: int
    time: str
    version: str
    method: str
    proposed: int  # trials of the decision
    reason: str | None  # why the decision had none
    evidence: tuple[str, ...]  # names of the finished trials that were seen
    seen: int  # how many
    recommendation: RecommendationRecord
    observed_best: ObservedBest | None
    budget: float
    spent: float
    committed: float
    reserved: float
    gain_per_cost: float | None  # the largest expected gain at the target per unit of cost
    trials: dict[str, int]  # by state
    seconds: float


Record = TypeVar("Record", ProposalRecord, UpdateRecord)


def read_proposal(path: Path) -> ProposalRecord:
    """A decision, from its file or the kept copy while that is missing.

    Raises:
        TrialError: if it is no decision.
    """
    return _read(path, ProposalRecord)


def read_update(path: Path) -> UpdateRecord:
    """An update, from its file or the kept copy while that is missing.

    Raises:
        TrialError: if it is no update.
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
