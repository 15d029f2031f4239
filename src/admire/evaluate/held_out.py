"""The loss of a model on held-out rows of several sources, with standard errors; the processes that are there share the work.

Pre-training rows are scored in bits per byte: the negative log-likelihood of a window's tokens (all but the first, which
nothing precedes) over the bytes of the window. Bytes, not tokens, so that tokenizers can be compared. Conversations are
scored in bits per assistant token: what the user wrote is given, not predicted.
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
    """Source -> loss of `model` on its rows, a ratio of sums over rows; all processes get the same.

    Whole batches are dealt to the processes. So they are the same batches however many processes there are, and the
    losses are equal to the bit.

    Args:
        model: in evaluation mode, the same in all processes, or shared among them.
        held_out: source -> n rows with `input_ids` and `bytes`, or, for conversations, `assistant_masks` (which then count
            instead).
        batch_size: rows that a process scores at once.
    """
    batches = [(name, start) for name, rows in held_out.items() for start in range(0, len(rows), batch_size)]
    own = batches[ranks.rank :: ranks.size]
    # processes that share the weights must call the model equally often
    idle = -(-len(batches) // ranks.size) - len(own)
    scored = {}
    for name, start in own + batches[:1] * idle:
        scored[name, start] = _row_losses(model, held_out[name][start : start + batch_size])
    parts = {place: part for theirs in ranks.gather(scored) for place, part in theirs.items()}
    return {name: _loss([parts[name, start] for other, start in batches if other == name]) for name in held_out}


def ratio(numerator: np.ndarray, denominator: np.ndarray) -> Score:
    """`sum(numerator) / sum(denominator)` over n rows, with the ratio estimator's standard error over rows.

    Cochran, Sampling Techniques, section 6.5: the residuals `numerator - ratio * denominator` scatter as rows do.
    """
    n, total = len(numerator), denominator.sum()
    value = numerator.sum() / total
    residuals = numerator - value * denominator
    stderr = math.sqrt(n / (n - 1) * (residuals**2).sum()) / total if n > 1 else None
    return Score(value=value, stderr=stderr, n=n)


def _loss(parts: list[tuple[np.ndarray, np.ndarray]]) -> Score:
    """The loss over batches of (nats, units)."""
    nats, units = (np.concatenate(column) for column in zip(*parts, strict=True))
    return ratio(nats / math.log(2), units)


def _row_losses(model: transformers.PreTrainedModel, batch: dict[str, list]) -> tuple[np.ndarray, np.ndarray]:
    """For each of b rows its loss in nats and what that is divided by: bytes, or assistant tokens."""
    import torch
    from torch.nn.functional import cross_entropy

    is_conversation = "assistant_masks" in batch
    lengths = torch.tensor([len(tokens) for tokens in batch["input_ids"]])
    width = int(lengths.max())
    # padded on the right: no token sees what follows it, so what stands there does not matter
    padded = torch.tensor([[*tokens, *[0] * (width - len(tokens))] for tokens in batch["input_ids"]])
    counted = torch.arange(width) < lengths[:, None]
    if is_conversation:
        counted &= torch.tensor([[*mask, *[0] * (width - len(mask))] for mask in batch["assistant_masks"]]).bool()
    counted = counted[:, 1:]
    # not inference_mode: weights that are gathered for it could not be trained on afterwards
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
