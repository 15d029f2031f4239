"""What the trainers of the three kinds have in common: what they are made from, and what comes out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from admire.campaign.layout import Layout, TrialLayout
from admire.campaign.schema.resources import Resources
from admire.trials.identity import Spec

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase, Trainer, TrainerCallback


@dataclass(frozen=True)
class Ingredients:
    """What a trainer is made from.

    Attributes:
        rows: the trial's rows in training order, filled up to whole batches.
        arguments: keyword arguments for `TrainingArguments` and its subclasses.
        resources: of these the attention, and whether conversations are padded.
    """

    spec: Spec
    trial: TrialLayout
    rows: Dataset
    tokenizer: PreTrainedTokenizerBase
    arguments: dict[str, Any]
    callbacks: list[TrainerCallback]
    resources: Resources

    @property
    def results(self) -> Layout:
        """The results folder that the trial lies in."""
        return self.trial.results


@dataclass(frozen=True)
class Built:
    """A trainer that is ready to run, or to resume.

    Attributes:
        packages: distributions whose versions matter.
        learned: after the training, the sha256 of a source -> the weight that a proxy of DoReMi arrived at; nothing elsewhere.
    """

    trainer: Trainer
    packages: tuple[str, ...]
    learned: Callable[[], dict[str, float]] = dict


def build(of: Ingredients) -> Built:
    """The trainer of the trial's kind.

    Raises:
        TrialError: if the architecture is refused, or weights to start from are not there, not whole or others.
    """
    if of.spec.dro is not None:
        from admire.train import doremi

        return doremi.build(of, of.spec.dro)
    if of.spec.training.kind == "pretrain":
        from admire.train import pretrain

        return pretrain.build(of)
    from admire.train import sft

    return sft.build(of)
