"""The sections that describe how a trial is trained: `training`, `validation` and `fidelity`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from admire.campaign.schema.base import Share, Strict


class Training(Strict):
    """How a trial is trained. Every key decides the outcome and enters the trial's identity."""

    kind: Literal["pretrain", "sft"] = "pretrain"
    """Pre-training from random weights (Hugging Face `Trainer`) or supervised fine-tuning (TRL `SFTTrainer`)."""
    sequence_length: PositiveInt
    """Number of tokens per window (pre-training), or to which a conversation is cut (fine-tuning)."""
    batch_size: PositiveInt
    """Number of rows per optimiser step, over all processes."""
    learning_rate: PositiveFloat
    """The peak learning rate."""
    schedule: Literal["cosine", "linear", "constant_with_warmup", "warmup_stable_decay"] = "cosine"
    """The schedule of the learning rate after the warm-up."""
    warmup_share: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """Fraction of the steps over which the learning rate rises to its peak."""
    weight_decay: NonNegativeFloat = 0.1
    """AdamW's weight decay."""
    adam_beta2: Share = 0.95
    """AdamW's second beta."""
    max_grad_norm: PositiveFloat = 1.0
    """Gradients are clipped to this norm."""
    epochs: PositiveInt = 1
    """Number of passes over the mixture."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Precision of the computation."""
    loss_on: Literal["all", "assistant"] = "assistant"
    """Fine-tuning: the tokens that count in the loss, all of them or those of the assistant's turns."""
    diverged_above: PositiveFloat = 20.0
    """A training whose loss (nats per token) exceeds this after the warm-up is recorded as failed."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of initial weights, data subsets and their order. Replicate r uses `seed + r`."""


class TrainingOverride(Strict):
    """Keys of `training` that have other values for one model."""

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
    """Held-out loss of each source, measured while a trial is trained and written to the trial's `validation.csv`. It changes no
    model weight, enters no trial's identity and influences no decision; it may change at any time."""

    times: PositiveInt = 10
    """Number of measurements per training, evenly spaced; the last one is at the end."""
    share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Fraction of each source's validation rows that is scored; the rows are the same each time."""
    batch_size: PositiveInt = 8
    """Number of rows that a process scores at once."""


class StepFidelity(Strict):
    """The steps at which a trial may stop early, and the cost of a trial that does. Resuming it later costs the difference: the
    steps that are left, and those in which the shorter training let its learning rate decay, which are repeated."""

    steps: list[Annotated[float, Field(ge=0.01, le=1)]] = Field(default_factory=lambda: [1.0])
    """Fractions of the training steps, in ascending order, the last one 1. Fractions below 1 need
    `training.schedule: warmup_stable_decay`."""

    fixed: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The fraction of a model's cost that does not shrink with the steps: the start of processes, and the scoring."""

    @model_validator(mode="after")
    def _ascending(self) -> StepFidelity:
        if not self.steps or self.steps != sorted(set(self.steps)) or self.steps[-1] != 1:
            raise ValueError(f"steps: list each share once, ascending, the last one 1.0, got {self.steps}")
        return self
