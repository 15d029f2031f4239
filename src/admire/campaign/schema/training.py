"""The sections that say how a trial is trained: `training`, `validation` and `fidelity`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from admire.campaign.schema.base import Share, Strict


class Training(Strict):
    """How a trial is trained. Every key decides the outcome and enters the trial's identity."""

    kind: Literal["pretrain", "sft"] = "pretrain"
    """Pre-training from random weights (Hugging Face `Trainer`) or supervised fine-tuning (TRL `SFTTrainer`)."""
    sequence_length: PositiveInt
    """Tokens in a window (pre-training), or the length a conversation is cut to (fine-tuning)."""
    batch_size: PositiveInt
    """Rows in one optimiser step, over all processes."""
    learning_rate: PositiveFloat
    """The peak learning rate."""
    schedule: Literal["cosine", "linear", "constant_with_warmup", "warmup_stable_decay"] = "cosine"
    """How the learning rate changes."""
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Share of the steps in which the learning rate rises."""
    weight_decay: NonNegativeFloat = 0.1
    """AdamW's weight decay."""
    adam_beta2: Share = 0.95
    """AdamW's second beta."""
    max_grad_norm: PositiveFloat = 1.0
    """Gradients are clipped to this norm."""
    epochs: PositiveInt = 1
    """Passes over the mixture."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Precision of the computation."""
    loss_on: Literal["all", "assistant"] = "assistant"
    """Fine-tuning: which tokens count in the loss."""
    diverged_above: PositiveFloat = 20.0
    """A training whose loss (nats a token) is above this after the warm-up is recorded as failed."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of weights, data subsets and order; a replicate r uses `seed + r`."""


class TrainingOverride(Strict):
    """Keys of `training` that one model does otherwise."""

    batch_size: PositiveInt | None = None
    """Instead of `training.batch_size`."""
    learning_rate: PositiveFloat | None = None
    """Instead of `training.learning_rate`."""
    epochs: PositiveInt | None = None
    """Instead of `training.epochs`."""
    schedule: Literal["cosine", "linear", "constant_with_warmup", "warmup_stable_decay"] | None = None
    """Instead of `training.schedule`."""
    warmup_share: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Instead of `training.warmup_share`."""


class Validation(Strict):
    """Held-out loss of each source while a trial is trained, into the trial's `validation.csv`. It changes no weight, enters no
    trial's identity and steers nothing; it may change at any time."""

    times: PositiveInt = 10
    """How often in a training, at equal distances; the last time at its end."""
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of each source's validation rows that is scored, the same rows each time."""
    batch_size: PositiveInt = 8
    """Rows that a process scores at once."""


class Stops(Strict):
    """Where a trial may stop early, and what it then costs. Going on later costs the difference: the steps not taken yet, and those
    in which the shorter training let its learning rate fall."""

    steps: list[Annotated[float, Field(ge=0.01, le=1)]] = Field(default_factory=lambda: [1.0])
    """Shares of the training steps, ascending, the last one 1; shares below 1 need `training.schedule: warmup_stable_decay`."""

    fixed: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The part of a model's cost that does not shrink with the steps: process starts, and the scoring."""

    @model_validator(mode="after")
    def _ascending(self) -> Stops:
        if not self.steps or self.steps != sorted(set(self.steps)) or self.steps[-1] != 1:
            raise ValueError(f"steps: list each share once, ascending, the last one 1.0, got {self.steps}")
        return self
