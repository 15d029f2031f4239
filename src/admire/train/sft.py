"""Supervised fine-tuning of a base model with the `SFTTrainer` of TRL, on conversations that are already tokenised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from accelerate.utils import enable_fsdp_ram_efficient_loading
from transformers import PreTrainedModel, set_seed
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

from admire.campaign import contents
from admire.campaign.content_identity import earlier
from admire.campaign.layout import Layout, TrialLayout
from admire.errors import TrialError
from admire.evaluate.loading import load_whole
from admire.train.filling import NOTHING, filled
from admire.train.trainers import Built, Ingredients
from admire.trials.identity import Spec

PACKAGES = ("torch", "transformers", "trl", "accelerate", "datasets", "tokenizers")
IGNORED = -100  # PyTorch's cross entropy leaves tokens with this label out of the loss.


def base_model(spec: Spec, results: Layout, attention: str) -> PreTrainedModel:
    """The model to start from: from a folder, from the hub, or the trained model of a base trial.

    Raises:
        TrialError: if its weights are missing, incomplete, or not those with which the trial was decided.
    """
    path = _starts_from(spec, results)
    if isinstance(path, Path) and not path.is_dir():
        raise TrialError(
            f"{path}: the base model's weights are not there; train it first: admire train {results.root / spec.labels['base']}"
        )
    try:
        fix = f"restore them, or correct models.{spec.model}.path"
        return load_whole(path, fix, dtype="float32", attn_implementation=attention)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise TrialError(
            f"{path}: these weights cannot be loaded ({reason}); correct models.{spec.model}.path"
        ) from None


def _starts_from(spec: Spec, results: Layout) -> str | Path:
    """The folder or hub name of the weights. The spec identifies weights by their content, so it is compared here.

    Raises:
        TrialError: if the content is not that with which the trial was decided.
    """
    origin = spec.decides["model"]
    if "base" in origin:
        return TrialLayout(results.root / spec.labels["base"]).model()
    path = origin.get("path") or spec.labels["weights"]
    meant = origin.get("sha256") or earlier(results, "weights").get(path)
    now = contents.weights(path, results.hashes)
    if meant is not None and now != meant:
        raise TrialError(
            f"{path}: these weights are not those that the trial was decided with: they were {meant[:16]}, are "
            f"{now[:16] if now else 'not there'}; restore them, or give the campaign another name"
        )
    return path


def build(of: Ingredients) -> Built:
    """A trainer that fine-tunes a base model.

    Raises:
        TrialError: if the base model's weights are missing, incomplete, or not those with which the trial was decided.
    """
    tokenizer, padding_free = of.tokenizer, of.resources.padding_free
    set_seed(of.spec.seed)
    if of.arguments.get("fsdp"):
        enable_fsdp_ram_efficient_loading()
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    # The configuration must exist before the model, because it decides how weights are loaded. TRL's own preparation is skipped:
    # the rows are prepared already, and it would drop some of them and cache a copy of the data.
    config = SFTConfig(
        **of.arguments,
        dataset_kwargs={"skip_prepare_dataset": True},
        max_length=None,
        include_num_input_tokens_seen="all" if padding_free else "non_padding",
    )
    assistant_only = of.spec.training.loss_on == "assistant"
    trainer = SFTTrainer(
        model=base_model(of.spec, of.results, of.resources.attention),
        args=config,
        train_dataset=of.rows,
        data_collator=Conversations(tokenizer.pad_token_id, assistant_only, padding_free),
        processing_class=tokenizer,
        callbacks=of.callbacks,
    )
    return Built(trainer, PACKAGES)


class Conversations:
    """Makes a batch of b conversations, either padded to one length or concatenated (padding-free).

    Args:
        pad_token_id: the token that fills up shorter conversations.
        assistant_only: whether only tokens whose `assistant_masks` is 1 count in the loss.
        padding_free: whether conversations are concatenated; position ids then tell where each begins.
    """

    def __init__(self, pad_token_id: int, assistant_only: bool, padding_free: bool = False) -> None:
        self.collate = DataCollatorForLanguageModeling(pad_token_id, padding_free=padding_free)
        self.assistant_only = assistant_only

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """`input_ids`, `labels` and `attention_mask`, each b x the length of the longest conversation. Concatenated: 1 x the number
        of all tokens, and no attention mask."""
        said = [{"input_ids": row["input_ids"], "labels": self._labels(row)} for row in filled(rows)]
        return self.collate(said or [NOTHING])

    def _labels(self, row: dict[str, Any]) -> list[int]:
        if not self.assistant_only:
            return row["input_ids"]
        pairs = zip(row["input_ids"], row["assistant_masks"], strict=True)
        return [token if counts else IGNORED for token, counts in pairs]
