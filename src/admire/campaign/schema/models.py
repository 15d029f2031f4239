"""The section `models`: the sizes that are trained, and what they start from."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveFloat, PositiveInt, model_validator

from admire.campaign.paths import FilePath
from admire.campaign.schema.base import Name, Strict
from admire.campaign.schema.resources import Resources
from admire.campaign.schema.training import TrainingOverride


class Base(Strict):
    """A base model that the workflow itself pre-trains: one model of another campaign, trained on that campaign's prior."""

    campaign: FilePath
    """The other campaign's YAML."""
    model: Name
    """The model's name there."""


class Model(Strict):
    """One model size: exactly one of `architecture`, `path` or `base`."""

    name: Name
    """Its label in tables and paths."""
    cost: PositiveFloat
    """Nominal cost of one trial in `budget.unit`; budget, reservation and acquisition use this number."""
    target: bool = False
    """Exactly one model is the target: the recommendation is for it."""
    rows: PositiveInt | None = None
    """Rows of a trial at this size, instead of `mixture.rows`."""
    architecture: dict[str, Any] | None = None
    """A transformers configuration to start from random weights: `model_type` and its fields."""
    path: FilePath | None = None
    """Weights to start from: a local folder or a name on the hub."""
    base: Base | None = None
    """Weights to start from that the workflow pre-trains itself."""
    training: TrainingOverride = TrainingOverride()
    """What this size does otherwise."""
    resources: Resources = Resources()
    """What a machine must give."""

    @model_validator(mode="after")
    def _one_origin(self) -> Model:
        if sum(origin is not None for origin in (self.architecture, self.path, self.base)) != 1:
            raise ValueError("give exactly one of architecture, path or base")
        if self.architecture is not None and "model_type" not in self.architecture:
            raise ValueError("architecture needs a model_type, e.g. llama")
        return self
