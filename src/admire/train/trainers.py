"""The common interface of the three kinds of trainers (pre-training, fine-tuning, DoReMi's proxy): their input and their output."""

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
    """The arguments from which a trainer is built.

    Attributes:
        rows: the trial's rows in training order; for several processes followed by rows without tokens up to whole batches.
        arguments: keyword arguments for `TrainingArguments` and its subclasses.
        resources: read for the attention implementation and for whether conversations are padded.
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
        """The results folder that contains the trial."""
        return self.trial.results


@dataclass(frozen=True)
class Built:
    """A trainer that is ready to run or resume.

    Attributes:
        packages: the Python distributions whose versions go into the record.
        learned: to be called after the training; for DoReMi's proxy it returns sha256 of a source -> learned weight, for other
            kinds an empty dict.
    """

    trainer: Trainer
    packages: tuple[str, ...]
    learned: Callable[[], dict[str, float]] = dict


def build(of: Ingredients) -> Built:
    """Build the trainer of the trial's kind.

    Raises:
        TrialError: if transformers refuses the architecture, or if the weights to start from are missing, incomplete or not
            those with which the trial was decided.
    """
    if of.spec.dro is not None:
        from admire.train import doremi

        return doremi.build(of, of.spec.dro)
    if of.spec.training.kind == "pretrain":
        from admire.train import pretrain

        return pretrain.build(of)
    from admire.train import sft

    return sft.build(of)
