"""DoReMi's proxy (Xie et al. 2023, arXiv:2305.10429, algorithm 1): a model trained by group distributionally robust
optimisation over sources. What it leaves behind is not the model but the weights of the sources, averaged over its steps.

Each step raises the weight of a source by how much worse the proxy is there than a reference model that was trained as usual,
and then learns from the sources by those weights. A source that a batch lacks keeps its last excess loss, as in the
authors' code.
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

FILE = "source_weights.json"  # in a checkpoint
IGNORED = NOTHING["labels"][-1]


class SourceWeights(TrainerCallback):
    """The weights of G sources while a proxy is trained; part of every checkpoint.

    Args:
        step_size: of the exponentiated gradient.
        smoothing: share of the uniform distribution that is mixed in at every step.
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
        """G weights, averaged over the steps: what DoReMi recommends."""
        return self.total / max(self.updates, 1)

    def update(self, excess: np.ndarray, share_of_step: float = 1.0) -> np.ndarray:
        """One step of algorithm 1, line 8 to 9; returns the new weights.

        Args:
            excess: G mean excess losses (nats a token, 0 or more), NaN for sources without a token.
            share_of_step: of the step's rows that were looked at (gradient accumulation).
        """
        self.excess = np.where(np.isnan(excess), self.excess, excess)
        raised = self.now * np.exp(self.step_size * share_of_step * self.excess)
        self.now = (1 - self.smoothing) * raised / raised.sum() + self.smoothing / len(raised)
        self.total += self.now
        self.updates += 1
        return self.now

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Go on from the checkpoint that the training resumes from."""
        if state.global_step:
            kept = read_json(self.checkpoints / f"checkpoint-{state.global_step}" / FILE)
            self.now, self.total, self.excess = (np.array(kept[name]) for name in ("now", "total", "excess"))
            self.updates = kept["updates"]

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Into the checkpoint, before it is declared whole; all processes hold the same."""
        if not state.is_world_process_zero:
            return
        kept = {name: getattr(self, name).tolist() for name in ("now", "total", "excess")}
        folder = self.checkpoints / f"checkpoint-{state.global_step}"
        write_json(folder / FILE, kept | {"updates": self.updates})


class Proxy(Trainer):
    """A `Trainer` whose loss weighs sources, and moves their weights."""

    def __init__(self, *args: Any, reference: torch.nn.Module, source_weights: SourceWeights, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.source_weights = source_weights
        self.reference = reference.to(self.args.device).eval().requires_grad_(False)
        self.model_accepts_loss_kwargs = (
            False  # the loss is a mean of its own: the library divides it among micro-batches
        )

    def compute_loss(
        self,
        model: torch.nn.Module,
        inputs: dict[str, torch.Tensor],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor | tuple[torch.Tensor, Any]:
        """Mean loss (nats a token) of each source in the batch, weighed by the weights that this batch has moved.

        Args:
            inputs: `input_ids` (b x L), `source` (b), the number of each row's source, and `labels` (b x L), those of a row that
                counts for nothing.
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
        """Their sum over all processes."""
        return self.accelerator.reduce(values, "sum")


def build(of: Ingredients, dro: Dro) -> Built:
    """A trainer on windows whose sources it weighs.

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
    """Rows with the number of their source; a new column would copy the rows."""

    def __init__(self, rows: Any, sources: np.ndarray) -> None:
        self.rows, self.sources = rows, sources

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> dict[str, Any]:
        source = int(self.sources[i]) if i < len(self.sources) else 0  # rows that fill the last batch have none
        return {**self.rows[i], "source": source}


def _labelled_windows(rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """b windows of L tokens, the numbers of their sources, and labels, which say which rows count."""
    windows = filled(rows)
    if not windows:
        return {name: torch.tensor([tokens]) for name, tokens in NOTHING.items()} | {"source": torch.tensor([0])}
    tokens = torch.tensor([row["input_ids"] for row in windows])
    return {"input_ids": tokens, "labels": tokens, "source": torch.tensor([row["source"] for row in windows])}


def _token_losses(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """b x (L - 1) losses in nats."""
    return cross_entropy(logits[:, :-1].float().transpose(1, 2), tokens[:, 1:], reduction="none")


def _reference(spec: Spec, results: Layout) -> PreTrainedModel:
    folder = TrialLayout(results.root / spec.labels["reference"]).model()
    if not folder.is_dir():
        raise TrialError(
            f"{folder}: the reference model's weights are not there; train it first: admire train "
            f"{results.root / spec.labels['reference']}"
        )
    return load_whole(folder, "train the reference again", dtype="float32", local_files_only=True)
