"""The section `models`: the model sizes that are trained, and the architecture or weights that they start from."""

from __future__ import annotations

from typing import Any

from pydantic import PositiveFloat, PositiveInt, model_validator

from admire.campaign.schema.base import Name, Strict
from admire.campaign.schema.path_types import FilePath
from admire.campaign.schema.resources import Resources
from admire.campaign.schema.training import TrainingOverride


class Base(Strict):
    """A base model that the workflow itself pre-trains: one model of another campaign, on that campaign's baseline mixture."""

    campaign: FilePath
    """The other campaign's YAML."""
    model: Name
    """The model's name in that campaign."""


class Model(Strict):
    """One model size, which starts from exactly one of `architecture`, `path` or `base`."""

    name: Name
    """The model's name in tables and paths."""
    cost: PositiveFloat
    """Nominal cost of one trial in `budget.unit`. The budget, the reserve and the acquisition function use this number."""
    target: bool = False
    """Exactly one model is the target, for which the mixture is recommended."""
    rows: PositiveInt | None = None
    """Number of rows per trial of this model, instead of `mixture.rows`."""
    architecture: dict[str, Any] | None = None
    """A transformers configuration to start from random weights: `model_type` and its fields."""
    path: FilePath | None = None
    """Weights to start from: a local folder or a name on the hub."""
    base: Base | None = None
    """A base model to start from that the workflow pre-trains itself."""
    training: TrainingOverride = TrainingOverride()
    """Keys of `training` that have other values for this model."""
    resources: Resources = Resources()
    """The hardware and time that a training of this model needs."""

    @model_validator(mode="after")
    def _one_origin(self) -> Model:
        if sum(origin is not None for origin in (self.architecture, self.path, self.base)) != 1:
            raise ValueError("give exactly one of architecture, path or base")
        if self.architecture is not None and "model_type" not in self.architecture:
            raise ValueError("architecture needs a model_type, e.g. llama")
        return self
