"""The callbacks that ADMIRE adds to the library's training loop: checkpoints at intervals and upon signals, a stop when the
training cannot succeed, the loss curve, and progress."""

from __future__ import annotations

import csv
import io
import math
import sys
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from admire.train import checkpoints
from admire.train.assignment import Given
from admire.train.attempt_notes import Tally
from admire.train.interruption import Interruption
from admire.trials.atomic_files import write_text

SECONDS_BETWEEN_LINES = 10.0  # Progress is printed this rarely without a terminal, so that job logs stay short.


class Checkpoints(TrainerCallback):
    """Saves a checkpoint at intervals and when the training is interrupted, and stops the training when it is interrupted or
    the lease is lost. All processes of a training do so at the same step, even if only one of them noticed the cause.

    Args:
        given: the attempt; its order has the minutes between two checkpoints.
        tally: the steps and seconds of the attempt, which this callback counts.
        interruption: the signals that were caught.
    """

    def __init__(self, given: Given, tally: Tally, interruption: Interruption) -> None:
        self.given, self.tally, self.interruption = given, tally, interruption
        self.ranks = given.ranks
        self.period_seconds = 60 * given.order.checkpoint_minutes
        self.saved = 0.0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Start the clock."""
        self.tally.begin(state.global_step)
        self.saved = time.perf_counter()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Stop without a checkpoint if the lease is lost; else save and stop if interrupted; else save when a checkpoint is due."""
        self.tally.count(state.global_step)
        due = time.perf_counter() - self.saved > self.period_seconds
        lost, signalled, now = self.ranks.all_reduce_max(self.given.lease.lost, self.interruption.number, due)
        if lost:
            control.should_training_stop = True
        elif signalled:
            self.interruption.number = signalled  # Another process of the training may have caught it.
            control.should_save = control.should_training_stop = True
        elif now:
            control.should_save = True

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Stop the clock."""
        self.tally.end()

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Mark the checkpoint as whole, and write the loss curve up to its step."""
        step = state.global_step
        self.ranks.barrier()  # The mark lists all files, so every process must have written its part.
        if self.ranks.first:
            folder = self.given.trial.checkpoints / f"checkpoint-{step}"
            start = self.given.start
            checkpoints.mark(folder, step, start.seconds + self.tally.seconds, start.continued_from)
            write_curve(self.given.trial.curve(), state)
        self.saved = time.perf_counter()


class Health(TrainerCallback):
    """Stops a training whose loss or gradient is not finite, or that diverged, and puts the reason into `reason`. Another attempt
    at the same spec would fail in the same way.

    Args:
        limit: the loss (nats per token) above which a training has diverged.
        after: the step after which divergence is checked; the loss may be higher during warm-up.
    """

    def __init__(self, limit: float, after: int) -> None:
        self.limit, self.after = limit, after
        self.reason: str | None = None

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **passed: Any) -> None:
        """Check the step's loss and gradient norm."""
        logs = passed["logs"]
        loss = logs.get("loss")
        if loss is None:
            return
        if not math.isfinite(loss):
            self.reason = f"the loss is {loss} at step {state.global_step}"
        elif not math.isfinite(logs.get("grad_norm", 0.0)):
            self.reason = f"the gradient's norm is {logs['grad_norm']} at step {state.global_step}"
        elif loss > self.limit and state.global_step > self.after:
            limit = f"training.diverged_above = {self.limit:g}"
            self.reason = f"diverged: the loss is {loss:.4g} at step {state.global_step}, above {limit}"
        control.should_training_stop |= self.reason is not None


class Progress(TrainerCallback):
    """Shows progress: a bar on a terminal, elsewhere a line every SECONDS_BETWEEN_LINES seconds or more."""

    def __init__(self, title: str) -> None:
        self.title, self.spoke, self.began, self.first = title, 0.0, 0.0, 0
        self.bar: tqdm | None = None

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Start the bar where the training resumes."""
        self.began = self.spoke = time.perf_counter()
        self.first = state.global_step
        if sys.stderr.isatty():
            self.bar = tqdm(
                total=state.max_steps, initial=state.global_step, desc=self.title, unit="step", dynamic_ncols=True
            )

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **passed: Any) -> None:
        """Show step and loss."""
        logs = passed["logs"]
        if "loss" not in logs:
            return
        if self.bar is not None:
            self.bar.set_postfix(loss=f"{logs['loss']:.3f}", refresh=False)
            self.bar.update(state.global_step - self.bar.n)
        elif time.perf_counter() - self.spoke > SECONDS_BETWEEN_LINES or state.global_step == state.max_steps:
            self.spoke = time.perf_counter()
            left = (self.spoke - self.began) / (state.global_step - self.first) * (state.max_steps - state.global_step)
            print(
                f"{self.title}: step {state.global_step}/{state.max_steps}, loss {logs['loss']:.3f}, {left:.0f} s left",
                file=sys.stderr,
                flush=True,
            )

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Close the bar."""
        if self.bar is not None:
            self.bar.close()


def logged_losses(state: TrainerState) -> list[dict[str, Any]]:
    """One entry per step. Every checkpoint contains the state, so a resumed training also has the entries of earlier attempts."""
    return [entry for entry in state.log_history if "loss" in entry]


def write_curve(path: Path, state: TrainerState) -> None:
    """Write a CSV with one row per step: step, loss (nats per token), learning rate and tokens seen."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["step", "loss", "learning_rate", "tokens"])
    for entry in logged_losses(state):
        writer.writerow([entry["step"], entry["loss"], entry["learning_rate"], entry["num_input_tokens_seen"]])
    write_text(path, text.getvalue())
