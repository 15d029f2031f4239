"""One trial's training from its spec to its record: never twice, never beside another, never further back than its last
checkpoint. What it does with a model is in `pretrain` and `sft`; heavy imports happen only when something is trained.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sys
import textwrap
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from admire.campaign.layout import TrialLayout
from admire.errors import AdmireError, TrialError
from admire.train import checkpoints
from admire.train.interruption import EXIT_CODE, Interruption
from admire.trials import slurm
from admire.trials.attempts import Attempts
from admire.trials.lease import Lease
from admire.trials.reasons import last_reason
from admire.trials.records import TrainRecord, provenance, publish, read_training, restore
from admire.trials.spec import Spec

if TYPE_CHECKING:
    from transformers import Trainer

    from admire.train.callbacks import Checkpoints, Health

REASON_LENGTH = 300  # characters of an error's message that enter records
REQUEUES = 200  # of one trial's jobs by themselves; one that needs more has too short a time limit
ENDED_WITHIN = 120  # seconds in which Slurm ends the processes of a job that it queues again
LOSS_WINDOW = 20  # steps whose mean is the record's training loss
STORAGE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
)  # the command line has a sentence for these


def train_trial(
    trial: TrialLayout,
    checkpoint_minutes: float = 10,
    attempt: int = 1,
    last_attempt: int | None = None,
    memory_mb: int | None = None,
) -> int:
    """Train a trial unless it is finished, and write `train.json`.

    Args:
        checkpoint_minutes: time between two checkpoints.
        attempt: which attempt this is, from 1.
        last_attempt: from this attempt on nothing is trained any more: the trial is recorded as failed, with the reason
            why the attempts before ended.
        memory_mb: the memory that an attempt is given, to be named when one had too little.

    Returns:
        The exit code: 0 when there is a record (of a model, or of a failure that would repeat itself), 75 when the
        training was interrupted after a checkpoint.

    Raises:
        TrialError: if the training broke; the traceback is in the trial's logs.
    """
    if restore(trial.train()):
        return _say_finished(trial)
    lease = Lease(trial.lease)
    if _queued_behind_its_holder(trial, lease):
        return EXIT_CODE
    with lease.hold(wait=True, waiting=lambda holder: _say(trial, _waiting(holder))):
        if restore(trial.train()):  # the process that we waited for finished it
            return _say_finished(trial)
        spec = Spec.load(trial)
        if last_attempt is not None and attempt >= last_attempt:
            return _give_up(trial, spec, memory_mb)
        code = _attempt(trial, spec, lease, checkpoint_minutes * 60, attempt)
    if code == EXIT_CODE:
        _requeue(trial)
    return code


def _queued_behind_its_holder(trial: TrialLayout, lease: Lease) -> bool:
    """In a Slurm job, wait in the queue and not on a GPU while another job trains this trial (an orphan of a controller)."""
    holder = lease.holder()
    if holder is None or not holder["job"]:
        return False
    with Interruption() as end:
        if not slurm.wait_behind(holder["job"]):
            return False
        _say(trial, f"Slurm job {holder['job']} is training it; this one waits in the queue until that one has ended")
        _await(end)
    return True


def _requeue(trial: TrialLayout) -> None:
    """In a Slurm job, go on in the same job later: a leg that got further is no failure and uses up no retry."""
    attempts = Attempts(trial.attempts)
    if not attempts.got_further() or attempts.requeues >= REQUEUES:
        return
    with Interruption() as end:  # Slurm may end this process before it has noted that it is requeued
        if slurm.requeue():
            attempts.requeued()
            _say(trial, "its Slurm job is queued again and goes on from the checkpoint")
            _await(end)


def _await(end: Interruption) -> None:
    """Wait to be ended by Slurm: a process that returns before would look like a failed job."""
    limit = time.monotonic() + ENDED_WITHIN
    while end.reason is None and time.monotonic() < limit:
        time.sleep(0.1)


def _attempt(trial: TrialLayout, spec: Spec, lease: Lease, checkpoint_seconds: float, attempt: int) -> int:
    """Train under the lease, and note in `attempts.jsonl` how it went."""
    attempts = Attempts(trial.attempts)
    found = checkpoints.newest(trial.checkpoints)
    attempts.begin(attempt, found.step if found else 0)
    run = _Run(trial, spec, lease, found)
    try:
        with Interruption() as interruption:
            run.train(interruption, checkpoint_seconds)
            return run.finish(attempts, attempt, interruption)  # a signal while the model is saved must not cost it
    except KeyboardInterrupt:
        attempts.end(attempt, "interrupted", run.step, run.seconds, "interrupted twice, without a checkpoint")
        return EXIT_CODE
    except Exception as error:
        reason = _in_a_line(error)
        with contextlib.suppress(OSError):  # a full disk must not hide what happened
            attempts.end(attempt, "error", run.step, run.seconds, reason)
        if isinstance(error, AdmireError) or (isinstance(error, OSError) and error.errno in STORAGE):
            raise
        log = trial.logs / f"attempt_{attempts.count}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(traceback.format_exc(), encoding="utf-8")
        raise TrialError(f"{trial.folder}: the training broke ({reason}); the traceback is in {log}") from None


class _Run:
    """One attempt: what it was given, what became of it."""

    def __init__(self, trial: TrialLayout, spec: Spec, lease: Lease, found: checkpoints.Checkpoint | None) -> None:
        self.trial, self.spec, self.lease, self.found = trial, spec, lease, found
        self.trainer: Trainer | None = None
        self.saving: Checkpoints | None = None
        self.health: Health | None = None
        self.packages: tuple[str, ...] = ()

    @property
    def step(self) -> int:
        """Optimiser steps done, of all attempts."""
        return self.trainer.state.global_step if self.trainer is not None else 0

    @property
    def seconds(self) -> float:
        """Wall time of this attempt inside the training loop."""
        return self.saving.seconds if self.saving is not None else 0.0

    def train(self, interruption: Interruption, checkpoint_seconds: float) -> None:
        """Run the loop until it ends, for whatever reason."""
        from admire.train import callbacks
        from admire.train.arguments import warmup_steps

        before = self.found.seconds if self.found else 0.0
        curve = self.trial.curve()
        self.saving = callbacks.Checkpoints(interruption, self.lease, curve, before, checkpoint_seconds)
        self.health = callbacks.Health(self.spec.decides["training"]["diverged_above"], warmup_steps(self.spec))
        progress = callbacks.Progress(f"{self.spec.model}/{self.spec.digest[:8]}")
        self.trainer = self._build([self.health, self.saving, progress])
        self.trainer.train(resume_from_checkpoint=str(self.found.folder) if self.found else None)
        callbacks.write_curve(curve, self.trainer.state)

    def finish(self, attempts: Attempts, attempt: int, interruption: Interruption) -> int:
        """Record what came out: a model, a failure that is final, or a checkpoint to go on from."""
        whole = self.step >= self.trainer.state.max_steps
        if self.lease.lost or not self.lease.held():
            attempts.end(attempt, "interrupted", self.step, self.seconds, "another process took the trial's lease")
            return EXIT_CODE
        if self.health.reason is None and not whole:
            attempts.end(attempt, "interrupted", self.step, self.seconds, f"{interruption.reason} at step {self.step}")
            _say(
                self.trial, f"{interruption.reason}: a checkpoint of step {self.step} is kept, the same command goes on"
            )
            return EXIT_CODE
        if self.health.reason is None:
            self._save_model()
        record = self._record(attempts)
        publish(self.trial.train(), record)  # first: it is what makes the trial finished
        attempts.end(attempt, record.status, self.step, self.seconds, record.reason)
        shutil.rmtree(self.trial.checkpoints, ignore_errors=True)
        return _say_finished(self.trial)

    def _build(self, callbacks: list[Any]) -> Trainer:
        import datasets
        import torch
        import transformers

        from admire.data.rows import load_rows
        from admire.data.tokenizers import load_tokenizer
        from admire.train.allocator import keep_freed_memory
        from admire.train.arguments import on_cpu, training_arguments

        if on_cpu(self.spec):
            keep_freed_memory()
            torch.set_num_threads(self.spec.decides["threads"])
            torch.use_deterministic_algorithms(True)
            torch.utils.deterministic.fill_uninitialized_memory = False  # a debugging aid that costs time
        datasets.disable_progress_bars()
        transformers.utils.logging.disable_progress_bar()
        rows = load_rows(self.trial)
        labels, results = self.spec.labels, self.trial.results
        tokenizer = load_tokenizer(labels["tokenizer"], results.root, labels["chat_template"])
        arguments = training_arguments(self.spec, self.trial)
        if "dro" in self.spec.decides:
            from admire.data.rows import row_sources
            from admire.train import doremi

            self.packages = doremi.PACKAGES
            trainer = doremi.trainer(self.spec, rows, row_sources(self.trial), tokenizer, arguments, callbacks, results)
        elif self.spec.decides["training"]["kind"] == "pretrain":
            from admire.train import pretrain

            self.packages = pretrain.PACKAGES
            trainer = pretrain.trainer(self.spec, rows, tokenizer, arguments, callbacks)
        else:
            from admire.train import sft

            self.packages = sft.PACKAGES
            trainer = sft.trainer(self.spec, rows, tokenizer, arguments, callbacks, results)
        trainer.remove_callback(transformers.PrinterCallback)
        return trainer

    def _save_model(self) -> None:
        """Save weights and tokenizer, whole or not at all."""
        final = self.trial.model()
        partial = final.with_name(f".{final.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        self.trainer.save_model(str(partial))
        (partial / "training_args.bin").unlink(missing_ok=True)  # a pickle; the spec says it all
        for path in partial.iterdir():
            shutil.copymode(partial / "config.json", path)  # safetensors makes files that only their owner can read
            with open(path, "rb") as stream:
                os.fsync(stream.fileno())
        shutil.rmtree(final, ignore_errors=True)  # of an attempt that died before its record was written
        os.rename(partial, final)

    def _record(self, attempts: Attempts) -> TrainRecord:
        from admire.train.arguments import planned_steps
        from admire.train.callbacks import logged_losses

        state = self.trainer.state
        losses = [entry["loss"] for entry in logged_losses(state)][-LOSS_WINDOW:]
        seconds = (self.found.seconds if self.found else 0.0) + self.seconds
        return TrainRecord(
            status="ok" if self.health.reason is None else "failed",
            digest=self.spec.digest,
            reason=self.health.reason,
            steps=state.global_step,
            planned_steps=planned_steps(self.spec),
            tokens=state.num_input_tokens_seen,
            loss=sum(losses) / len(losses) if self.health.reason is None else None,
            seconds=seconds,
            cpu_seconds=time.process_time(),
            gpus=0 if self.trainer.args.use_cpu else self.trainer.args.world_size,
            tokens_per_second=state.num_input_tokens_seen / seconds,
            attempts=attempts.count,
            parameters=self.trainer.model.num_parameters(),
            learned=self._learned(),
            provenance=provenance(*self.packages),
        )

    def _learned(self) -> dict[str, float]:
        """The weights that a proxy of DoReMi arrived at."""
        if "dro" not in self.spec.decides:
            return {}
        weights = self.trainer.source_weights.mean.tolist()
        return {source["sha256"]: weight for source, weight in zip(self.spec.sources, weights, strict=True)}


def _give_up(trial: TrialLayout, spec: Spec, memory_mb: int | None) -> int:
    """Record as failed what no attempt could finish."""
    attempts = Attempts(trial.attempts)
    found = checkpoints.newest(trial.checkpoints)
    record = TrainRecord(
        status="failed",
        digest=spec.digest,
        reason=f"given up after {attempts.count} attempts, the last one: {last_reason(attempts, memory_mb)}",
        steps=found.step if found else 0,
        seconds=found.seconds if found else 0.0,
        attempts=attempts.count,
        provenance=provenance(),
    )
    publish(trial.train(), record)
    return _say_finished(trial)


def _in_a_line(error: Exception) -> str:
    words = textwrap.shorten(str(error), REASON_LENGTH, placeholder=" ...")
    return f"{type(error).__name__}: {words}" if words else type(error).__name__


def _waiting(holder: dict[str, Any]) -> str:
    job = f", Slurm job {holder['job']}" if holder.get("job") else ""
    return f"process {holder['pid']} on {holder['host']}{job} is training it; waiting"


def _say_finished(trial: TrialLayout) -> int:
    record = read_training(trial.train())
    if record.status == "failed":
        _say(trial, f"failed: {record.reason}")
    else:
        _say(
            trial,
            f"trained: {record.steps} steps, {record.tokens} tokens, loss {record.loss:.3f}, {record.seconds:.0f} s",
        )
    return 0


def _say(trial: TrialLayout, words: str) -> None:
    name = Path(trial.folder)
    print(f"{name.parent.name}/{name.name[:8]}: {words}", file=sys.stderr, flush=True)
