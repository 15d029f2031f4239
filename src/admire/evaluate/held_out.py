"""The loss of a model on held-out rows of several sources, with standard errors. Several workers share the rows.

Pre-training rows are scored in bits per byte: the negative log-likelihood of a window's tokens (all but the first, which has no
context) divided by the bytes of the window. Losses per byte, unlike losses per token, can be compared between tokenizers.
Conversations are scored in bits per token of the assistant; the user's turns are context and are not predicted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from admire.distributed.ranks import Ranks
from admire.trials.records import Score

if TYPE_CHECKING:
    import datasets
    import transformers


def losses(
    model: transformers.PreTrainedModel, held_out: Mapping[str, datasets.Dataset], batch_size: int, ranks: Ranks
) -> dict[str, Score]:
    """Source -> loss of `model` on its rows, a ratio of sums over rows; every worker gets all losses.

    Whole batches are dealt to the workers, so the batches are the same for any number of workers, and the losses are equal to the
    bit.

    Args:
        model: in evaluation mode; each worker has the whole model or a shard of it.
        held_out: source -> n rows with `input_ids` and `bytes`; conversations have `assistant_masks` instead of `bytes`.
        batch_size: how many rows a worker scores at once.
    """
    batches = [(name, start) for name, rows in held_out.items() for start in range(0, len(rows), batch_size)]
    own = batches[ranks.rank :: ranks.size]
    # Workers with shards of one model must call it equally often, so workers with fewer batches repeat the first one.
    idle = -(-len(batches) // ranks.size) - len(own)
    scored = {}
    for name, start in own + batches[:1] * idle:
        scored[name, start] = _row_losses(model, held_out[name][start : start + batch_size])
    parts = {place: part for theirs in ranks.gather(scored) for place, part in theirs.items()}
    return {name: _loss([parts[name, start] for other, start in batches if other == name]) for name in held_out}


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> Score:
    """`sum(numerator) / sum(denominator)` over n rows, with the standard error of the ratio estimator.

    The standard error comes from the residuals `numerator - ratio * denominator` of the rows (Cochran, Sampling Techniques, section
    6.5); it is None for a single row.
    """
    n, total = len(numerator), denominator.sum()
    value = numerator.sum() / total
    residuals = numerator - value * denominator
    stderr = math.sqrt(n / (n - 1) * (residuals**2).sum()) / total if n > 1 else None
    return Score(value=value, stderr=stderr, n=n)


def _loss(parts: list[tuple[np.ndarray, np.ndarray]]) -> Score:
    """The loss in bits per unit over all batches, from each batch's nats and units (bytes or assistant tokens) per row."""
    nats, units = (np.concatenate(column) for column in zip(*parts, strict=True))
    return ratio(nats / math.log(2), units)


def _row_losses(model: transformers.PreTrainedModel, batch: dict[str, list]) -> tuple[np.ndarray, np.ndarray]:
    """Two arrays (b) for b rows: the loss in nats, and the number of bytes or of assistant tokens that it is divided by."""
    import torch
    from torch.nn.functional import cross_entropy

    is_conversation = "assistant_masks" in batch
    lengths = torch.tensor([len(tokens) for tokens in batch["input_ids"]])
    width = int(lengths.max())
    # Padding is on the right, where it has no influence, because no token attends to later ones.
    padded = torch.tensor([[*tokens, *[0] * (width - len(tokens))] for tokens in batch["input_ids"]])
    counted = torch.arange(width) < lengths[:, None]
    if is_conversation:
        counted &= torch.tensor([[*mask, *[0] * (width - len(mask))] for mask in batch["assistant_masks"]]).bool()
    counted = counted[:, 1:]
    # `inference_mode` would also work here, but sharded weights that are gathered under it could not be trained afterwards.
    with torch.no_grad():
        logits = model(
            input_ids=padded.to(model.device),
            attention_mask=(torch.arange(width) < lengths[:, None]).to(model.device),
        ).logits
        nats = cross_entropy(
            logits[:, :-1].float().transpose(1, 2), padded[:, 1:].to(model.device), reduction="none"
        ).cpu()
    row_nats = (nats.double() * counted).sum(dim=1)
    row_units = counted.sum(dim=1) if is_conversation else torch.tensor(batch["bytes"])
    return row_nats.numpy(), row_units.double().numpy()
