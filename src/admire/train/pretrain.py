"""Pre-training from random weights with the `Trainer` of Hugging Face, on windows of equal length."""

from __future__ import annotations

from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
    set_seed,
)

from admire.errors import TrialError
from admire.train.filling import NOTHING, filled
from admire.train.trainers import Built, Ingredients
from admire.trials.identity import Spec

PACKAGES = ("torch", "transformers", "accelerate", "datasets", "tokenizers")


def random_model(spec: Spec, tokenizer: PreTrainedTokenizerBase, attention: str) -> PreTrainedModel:
    """A model of the spec's architecture, with weights drawn from the trial's seed and the tokenizer's vocabulary size.

    Raises:
        TrialError: if transformers refuses the architecture.
    """
    architecture = {
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        **spec.decides["model"]["architecture"],
        "vocab_size": len(tokenizer),
    }
    try:
        config = AutoConfig.for_model(**architecture)
    except (TypeError, ValueError, StrictDataclassError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise TrialError(
            f"models.{spec.model}.architecture: transformers refuses it ({reason}); correct it in the YAML"
        ) from None
    set_seed(spec.seed)
    return AutoModelForCausalLM.from_config(
        config, dtype=torch.float32, attn_implementation=attention, trust_remote_code=False
    )


def build(of: Ingredients) -> Built:
    """A trainer of a model with random weights.

    Raises:
        TrialError: if transformers refuses the architecture.
    """
    trainer = Trainer(
        args=TrainingArguments(**of.arguments, include_num_input_tokens_seen="all"),
        model=random_model(of.spec, of.tokenizer, of.resources.attention),
        train_dataset=of.rows.select_columns(["input_ids"]),
        data_collator=_windows,
        processing_class=of.tokenizer,
        callbacks=of.callbacks,
    )
    return Built(trainer, PACKAGES)


def _windows(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Makes a batch of b windows of L tokens: `input_ids` and `labels`, both b x L and equal, since the model shifts the labels."""
    windows = filled(rows)
    if not windows:
        return {name: torch.tensor([tokens]) for name, tokens in NOTHING.items()}
    tokens = torch.tensor([row["input_ids"] for row in windows])
    return {"input_ids": tokens, "labels": tokens}
