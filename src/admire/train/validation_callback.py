"""Scores held-out rows during a training and writes a row of `validation.csv` each time. The trained model is unaffected."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import PreTrainedModel, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from admire.campaign.layout import Layout
from admire.campaign.validation_plan import ValidationPlan
from admire.data.rows import load_split
from admire.data.shards import arrow_files
from admire.distributed.ranks import Ranks
from admire.evaluate.held_out import losses
from admire.trials.validation_table import BITS, read_validation, write_validation


class Validation(TrainerCallback):
    """Scores held-out rows after equal numbers of steps, for the last time at the end of the training. A step whose row is in the
    table already is not scored again.

    Args:
        plan: how often rows are scored, and in batches of which size.
        held_out: source -> the rows that are scored.
        path: the table that gets a row each time.
        clock: returns the seconds that all attempts together have spent in the training loop.
    """

    def __init__(
        self,
        plan: ValidationPlan,
        held_out: Mapping[str, Dataset],
        ranks: Ranks,
        path: Path,
        clock: Callable[[], float],
    ) -> None:
        self.plan, self.held_out, self.ranks, self.path, self.clock = plan, held_out, ranks, path, clock
        self.rows: list[dict[str, Any]] = []
        # Scoring took so many seconds, over all attempts, up to the step that the training has reached.
        self.seconds = 0.0

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **passed: Any
    ) -> None:
        """Read the table, and score now if that was due at the step at which the training was stopped."""
        self.rows = self.ranks.broadcast(read_validation(self.path) if self.ranks.first else [])
        self.seconds = sum(
            float(row["validation_seconds"]) for row in self.rows if int(row["step"]) <= state.global_step
        )
        self._score_if_due(state, passed["model"])

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **passed: Any) -> None:
        """Score if this step is due, unless the training is about to stop early: then the checkpoint must not wait."""
        if not control.should_training_stop or state.global_step >= state.max_steps:
            self._score_if_due(state, passed["model"])

    def _score_if_due(self, state: TrainerState, model: PreTrainedModel) -> None:
        due = {math.ceil(state.max_steps * i / self.plan.times) for i in range(1, self.plan.times + 1)}
        if state.global_step not in due - {int(row["step"]) for row in self.rows}:
            return
        began = time.perf_counter()
        model.eval()
        scores = losses(model, self.held_out, self.plan.batch_size, self.ranks)
        model.train()
        took = time.perf_counter() - began
        self.seconds += took
        head = {"step": state.global_step, "tokens": state.num_input_tokens_seen, "seconds": self.clock()}
        bits = {f"{BITS}{name}": score.value for name, score in scores.items()}
        self.rows.append({**head, "validation_seconds": took, **bits})
        if self.ranks.first:
            write_validation(self.path, self.rows)


def held_out_rows(plan: ValidationPlan, results: Layout) -> dict[str, Dataset]:
    """Source -> the first rows of its validation split, a fraction `plan.share` of them. A source without such a split is left out.

    Raises:
        SourceError: if a source is not prepared.
    """
    found = {}
    for name, digest in plan.sources.items():
        folder = results.source(name, digest)
        if not results.card(name, digest).is_file() or arrow_files(folder / "validation"):
            rows = load_split(folder, "validation")
            found[name] = rows.select(range(math.ceil(plan.share * len(rows))))
    return found
