"""DoReMi's proxy (Xie et al. 2023, arXiv:2305.10429, algorithm 1): a model trained by group distributionally robust
optimisation over sources. Its result is not the model but the weights of the sources, averaged over the steps.

The excess loss of a token is the proxy's loss minus that of a reference model, which was trained in the usual way, or 0 if that is
negative; the excess loss of a source is the mean over its tokens. Each step first raises the weights of the sources with large
excess losses and then trains on the loss under the new weights. A source that is absent from a batch keeps its last excess loss,
as in the authors' code.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from torch.utils.data import Dataset
from transformers import (
    PreTrainedModel,
    Trainer,
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

from admire.campaign.layout import Layout, TrialLayout
from admire.data.rows import row_sources
from admire.errors import TrialError
from admire.evaluate.loading import load_whole
from admire.train.filling import NOTHING, filled
from admire.train.pretrain import PACKAGES, random_model
from admire.train.trainers import Built, Ingredients
from admire.trials.atomic_files import read_json, write_json
from admire.trials.identity import Dro, Spec

FILE = "source_weights.json"  # Each checkpoint has this file beside those of the library.
IGNORED = NOTHING["labels"][-1]


class SourceWeights(TrainerCallback):
    """The weights of G sources while a proxy is trained. Every checkpoint contains them.

    Args:
        groups: G, the number of sources.
        step_size: step size of the exponentiated gradient ascent.
        smoothing: fraction of the uniform distribution that is mixed in at every step.
        checkpoints: the folder of the training's checkpoints.
    """

    def __init__(self, groups: int, step_size: float, smoothing: float, checkpoints: Path) -> None:
        self.step_size, self.smoothing, self.checkpoints = step_size, smoothing, checkpoints
        self.now = np.full(groups, 1 / groups)
        self.total = np.zeros(groups)
        self.excess = np.zeros(groups)
        self.updates = 0

    @property
    def mean(self) -> np.ndarray:
        """G weights, averaged over the steps. This is the mixture that DoReMi recommends."""
        return self.total / max(self.updates, 1)

    def update(self, excess: np.ndarray, share_of_step: float = 1.0) -> np.ndarray:
        """Update the weights as in lines 8 and 9 of algorithm 1.

        Args:
            excess: G mean excess losses (nats per token, 0 or more), NaN for sources without a token in the batch.
            share_of_step: fraction of the optimiser step's rows that `excess` is computed from; below 1 with gradient
                accumulation.

        Returns:
            The G new weights.
        """
        self.excess = np.where(np.isnan(excess), self.excess, excess)
        raised = self.now * np.exp(self.step_size * share_of_step * self.excess)
        self.now = (1 - self.smoothing) * raised / raised.sum() + self.smoothing / len(raised)
        self.total += self.now
        self.updates += 1
        return self.now

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Read the weights from the checkpoint that the training resumes from."""
        if state.global_step:
            kept = read_json(self.checkpoints / f"checkpoint-{state.global_step}" / FILE)
            self.now, self.total, self.excess = (np.array(kept[name]) for name in ("now", "total", "excess"))
            self.updates = kept["updates"]

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Write the weights into the checkpoint, before it is marked as whole. All processes hold the same ones, so one writes."""
        if not state.is_world_process_zero:
            return
        kept = {name: getattr(self, name).tolist() for name in ("now", "total", "excess")}
        folder = self.checkpoints / f"checkpoint-{state.global_step}"
        write_json(folder / FILE, kept | {"updates": self.updates})


class Proxy(Trainer):
    """A `Trainer` whose loss is weighted by source, and which updates these weights at every batch."""

    def __init__(self, *args: Any, reference: torch.nn.Module, source_weights: SourceWeights, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.source_weights = source_weights
        self.reference = reference.to(self.args.device).eval().requires_grad_(False)
        # The loss is already a mean per batch. With False the library divides it by the number of accumulated batches.
        self.model_accepts_loss_kwargs = False

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, Any]:
        """The weighted sum of the sources' mean losses (nats per token) in the batch, under the weights after this batch's update.
        The weights are scaled to sum 1 over the sources that are present.

        Args:
            inputs: `input_ids` (b x L); `source` (b), the number of each row's source; and `labels` (b x L), of which only
                the last column is read: it is IGNORED in rows that count for nothing.
        """
        tokens, source = inputs["input_ids"], inputs["source"]
        outputs = model(input_ids=tokens)
        losses = _token_losses(outputs.logits, tokens)
        with torch.no_grad():
            known = _token_losses(self.reference(input_ids=tokens).logits, tokens)
        members = torch.nn.functional.one_hot(source, len(self.source_weights.now)).to(losses)
        members *= (inputs["labels"][:, -1:] != IGNORED).to(losses)
        counts = self._everywhere(members.sum(0)) * losses.shape[1]
        excess = self._everywhere(members.T @ (losses.detach() - known).clamp(min=0).sum(1)) / counts
        if model.training:
            weights = self.source_weights.update(
                excess.double().cpu().numpy(), 1 / self.args.gradient_accumulation_steps
            )
        else:
            weights = self.source_weights.now
        present = torch.as_tensor(weights).to(losses) * (counts > 0)
        shares = present / present.sum() / counts.clamp(min=1) * self.accelerator.num_processes
        loss = (members @ shares * losses.sum(1)).sum()
        return (loss, outputs) if return_outputs else loss

    def _everywhere(self, values: torch.Tensor) -> torch.Tensor:
        """The elementwise sum of a tensor over all processes, in the tensor's shape."""
        return self.accelerator.reduce(values, "sum")


def build(of: Ingredients, dro: Dro) -> Built:
    """A trainer of DoReMi's proxy on windows of equal length.

    Raises:
        TrialError: if the reference model's weights are not there, or transformers refuses the architecture.
    """
    spec = of.spec
    weights = SourceWeights(len(spec.sources), dro.step_size, dro.smoothing, of.trial.checkpoints)
    trainer = Proxy(
        model=random_model(spec, of.tokenizer, of.resources.attention),
        args=TrainingArguments(**of.arguments, include_num_input_tokens_seen="all"),
        train_dataset=_Labelled(of.rows.select_columns(["input_ids"]), row_sources(of.trial)),
        data_collator=_labelled_windows,
        processing_class=of.tokenizer,
        callbacks=[weights, *of.callbacks],
        reference=_reference(spec, of.results),
        source_weights=weights,
    )

    def learned() -> dict[str, float]:
        return {source["sha256"]: float(mean) for source, mean in zip(spec.sources, weights.mean, strict=True)}

    return Built(trainer, PACKAGES, learned)


class _Labelled(Dataset):
    """Adds to each row the number of its source, without a new column, which would copy the rows."""

    def __init__(self, rows: Any, sources: np.ndarray) -> None:
        self.rows, self.sources = rows, sources

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> dict[str, Any]:
        # Rows without tokens, which fill the last batch, have no source. They count for nothing, so any number will do.
        source = int(self.sources[i]) if i < len(self.sources) else 0
        return {**self.rows[i], "source": source}


def _labelled_windows(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Makes a batch: `input_ids` and `labels` (b x L) and `source` (b), with labels that mark a row without tokens as ignored."""
    windows = filled(rows)
    if not windows:
        return {name: torch.tensor([tokens]) for name, tokens in NOTHING.items()} | {"source": torch.tensor([0])}
    tokens = torch.tensor([row["input_ids"] for row in windows])
    return {"input_ids": tokens, "labels": tokens, "source": torch.tensor([row["source"] for row in windows])}


def _token_losses(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """The loss of each predicted token in nats, b x (L - 1), from b x L tokens."""
    return cross_entropy(logits[:, :-1].float().transpose(1, 2), tokens[:, 1:], reduction="none")


def _reference(spec: Spec, results: Layout) -> PreTrainedModel:
    folder = TrialLayout(results.root / spec.labels["reference"]).model()
    if not folder.is_dir():
        raise TrialError(
            f"{folder}: the reference model's weights are not there; train it first: admire train "
            f"{results.root / spec.labels['reference']}"
        )
    return load_whole(folder, "train the reference again", dtype="float32", local_files_only=True)
