"""Held-out loss of each source, with a standard error.

Pre-training sources are scored in bits per byte: the negative log-likelihood of a window's tokens (all but the first,
which nothing precedes) over the bytes of the window. Bytes, not tokens, so that tokenizers can be compared. Conversations
are scored in bits per assistant token: what the user wrote is given, not predicted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from admire.campaign.config import Campaign, DomainLoss
from admire.campaign.layout import Layout
from admire.campaign.recipes import source_digest
from admire.data.rows import load_split
from admire.errors import SourceError
from admire.trials.records import Score

if TYPE_CHECKING:
    import datasets
    import transformers

PACKAGES = ("torch", "transformers", "datasets")


def scores(campaign: Campaign, suite: DomainLoss, model_folder: Path, split: str) -> dict[str, Score]:
    """Source -> held-out loss of the model, in bits per byte (fine-tuning: bits per assistant token).

    Args:
        model_folder: the saved model.
        split: `validation` or `test` of each source.

    Raises:
        SourceError: if a source is not prepared or keeps no rows in this split.
    """
    import torch
    from transformers import AutoModelForCausalLM

    held_out = {name: _rows(campaign, name, split) for name in suite.sources or campaign.sources}
    model = AutoModelForCausalLM.from_pretrained(
        model_folder, dtype="auto", local_files_only=True, use_safetensors=True
    ).eval()
    model.to("cuda" if torch.cuda.is_available() else "cpu")
    return {name: loss(model, rows, suite.batch_size) for name, rows in held_out.items()}


def loss(model: transformers.PreTrainedModel, rows: datasets.Dataset, batch_size: int) -> Score:
    """Loss of `model` on `rows`, a ratio of sums over rows.

    Args:
        rows: n rows with `input_ids` and `bytes`, or, for conversations, `assistant_masks` (which then count instead).
    """
    nats, units = [], []
    for row_nats, row_units in _row_losses(model, rows, batch_size):
        nats.append(row_nats)
        units.append(row_units)
    return ratio(np.array(nats) / math.log(2), np.array(units))


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> Score:
    """`sum(numerator) / sum(denominator)` over n rows, with the ratio estimator's standard error over rows.

    Cochran, Sampling Techniques, section 6.5: the residuals `numerator - ratio * denominator` scatter as rows do.
    """
    n, total = len(numerator), denominator.sum()
    value = numerator.sum() / total
    residuals = numerator - value * denominator
    stderr = math.sqrt(n / (n - 1) * (residuals**2).sum()) / total if n > 1 else None
    return Score(value=value, stderr=stderr, n=n)


def _rows(campaign: Campaign, name: str, split: str) -> datasets.Dataset:
    folder = Layout(Path(campaign.results)).source(name, source_digest(campaign, name))
    rows = load_split(folder, split)
    if len(rows) == 0:
        raise SourceError(
            f"sources.{name}: the {split} split is empty ({folder}); raise held_out.{split}, or leave it out of the suite"
        )
    return rows


def _row_losses(
    model: transformers.PreTrainedModel, rows: datasets.Dataset, batch_size: int
) -> Iterator[tuple[float, float]]:
    """For each row its loss in nats and what that is divided by: bytes, or assistant tokens."""
    import torch
    from torch.nn.functional import cross_entropy

    is_conversation = "assistant_masks" in rows.column_names
    for start in range(0, len(rows), batch_size):
        batch = rows[start : start + batch_size]
        lengths = torch.tensor([len(tokens) for tokens in batch["input_ids"]])
        width = int(lengths.max())
        # padded on the right: no token sees what follows it, so what stands there does not matter
        padded = torch.tensor([[*tokens, *[0] * (width - len(tokens))] for tokens in batch["input_ids"]])
        counted = torch.arange(width) < lengths[:, None]
        if is_conversation:
            counted &= torch.tensor([[*mask, *[0] * (width - len(mask))] for mask in batch["assistant_masks"]]).bool()
        counted = counted[:, 1:]
        with torch.inference_mode():
            logits = model(
                input_ids=padded.to(model.device),
                attention_mask=(torch.arange(width) < lengths[:, None]).to(model.device),
            ).logits
            nats = cross_entropy(
                logits[:, :-1].float().transpose(1, 2), padded[:, 1:].to(model.device), reduction="none"
            ).cpu()
        row_nats = (nats.double() * counted).sum(dim=1)
        row_units = counted.sum(dim=1) if is_conversation else torch.tensor(batch["bytes"])
        yield from zip(row_nats.tolist(), row_units.double().tolist(), strict=True)
