"""One trial's training from its spec to its record: never twice, never beside another, never further back than its last
checkpoint. What it does with a model is in `pretrain` and `sft`; heavy imports happen only when something is trained.

A training of several processes runs this file twice: the process that was called looks and launches (`launch`), and of those
that it starts the first holds the lease and writes, while the others only compute.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import textwrap
import time
import traceback
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from admire.campaign.fidelities import label
from admire.campaign.layout import TrialLayout
from admire.campaign.schema.resources import Resources
from admire.campaign.validation import ValidationPlan
from admire.distributed.ranks import Ranks
from admire.errors import AdmireError, StorageError, TrialError
from admire.space.steps import Steps
from admire.train import checkpoints
from admire.train.arguments import on_cpu, steps_of, training_arguments, warmup_steps
from admire.train.interruption import EXIT_CODE, Interruption
from admire.train.launch import launch
from admire.trials import slurm, storage
from admire.trials.attempts import Attempts
from admire.trials.complaints import counted
from admire.trials.lease import Lease
from admire.trials.reasons import last_reason, note_preemption
from admire.trials.records import TrainRecord, provenance, publish, read_training, restore
from admire.trials.spec import Spec

if TYPE_CHECKING:
    from transformers import Trainer

    from admire.train.callbacks import Checkpoints, Health
    from admire.train.validation import Validation

REASON_LENGTH = 300  # characters of an error's message that enter records
REQUEUES = 200  # of one trial's jobs by themselves; one that needs more has too short a time limit
ENDED_WITHIN = 120  # seconds in which Slurm ends the processes of a job that it queues again
LOSS_WINDOW = 20  # steps whose mean is the record's training loss


@dataclass(frozen=True)
class _How:
    """How a trial is to be trained, as `train_trial` was told."""

    checkpoint_minutes: float
    attempt: int
    resources: Resources
    validation: ValidationPlan | None

    def arguments(self, trial: TrialLayout) -> list[str]:
        """The same on the command line of a process of several."""
        told = [
            f"--share={trial.share}",
            f"--checkpoint-minutes={self.checkpoint_minutes}",
            f"--attempt={self.attempt}",
        ]
        told += [f"--resources={self.resources.model_dump_json(exclude_defaults=True)}"]
        return told + ([f"--validation={self.validation.model_dump_json()}"] if self.validation else [])


def train_trial(
    trial: TrialLayout,
    checkpoint_minutes: float = 10,
    attempt: int = 1,
    last_attempt: int | None = None,
    memory_mb: int | None = None,
    resources: Resources | None = None,
    validation: ValidationPlan | None = None,
) -> int:
    """Train a trial to its share of the steps, unless that is finished, and write `train.json`. A longer training goes on from
    what a shorter one left of the trunk.

    Args:
        checkpoint_minutes: time between two checkpoints.
        attempt: which attempt this is, from 1.
        last_attempt: from this attempt on nothing is trained any more: the trial is recorded as failed, with the reason
            why the attempts before ended.
        memory_mb: the memory that an attempt is given, to be named when one had too little.
        resources: how many processes train, and how they use their machines.
        validation: which held-out rows are scored meanwhile, and when; none when left out.

    Returns:
        The exit code: 0 when there is a record (of a model, or of a failure that would repeat itself), 75 when the
        training was interrupted after a checkpoint. A process that another one launched returns 0 either way: a launcher
        takes everything else for a failure and ends the others at once.

    Raises:
        TrialError: if the training broke; the traceback is in the trial's logs.
        StorageError: if nothing could be written any more, which is no try at the training.
    """
    how = _How(checkpoint_minutes, attempt, resources or Resources(), validation)
    ranks, lease = Ranks(), Lease(trial.lease)
    if ranks.size > 1:
        _train(trial, lease, ranks, how)
        ranks.leave()
        return 0
    if restore(trial.train()):
        return _say_finished(trial)
    if slurm.node() > 0:
        return _follow(launch(trial, how.arguments(trial), how.resources))
    if _queued_behind_its_holder(trial, lease):
        return EXIT_CODE
    if last_attempt is not None and attempt >= last_attempt:
        return _give_up(trial, lease, memory_mb)
    several = how.resources.world > 1
    try:
        code = launch(trial, how.arguments(trial), how.resources) if several else _train(trial, lease, ranks, how)
    except TrialError:  # of several processes: what ended the one that broke
        if (said := Attempts(trial.attempts).storage) is not None:
            raise StorageError(said) from None
        raise
    if code == EXIT_CODE:
        _requeue(trial)
    return code


def _follow(code: int) -> int:
    """On the other nodes of a Slurm job: what becomes of the job is said on the first one, and this process's end must not end
    that one while it asks for a requeue."""
    if code == EXIT_CODE:
        with Interruption() as end:
            _await(end)
    return code


def _queued_behind_its_holder(trial: TrialLayout, lease: Lease) -> bool:
    """In a Slurm job, wait in the queue and not on a GPU while another job trains this trial (an orphan of a controller)."""
    holder = lease.watch(lambda other: _say(trial, _waiting(other))) if slurm.own_job() else None
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


def _train(
    trial: TrialLayout,
    lease: Lease,
    ranks: Ranks,
    how: _How,
) -> int:
    """One attempt, under the lease, unless the process that we waited for finished the trial."""
    waiting = lease.hold(wait=True, waiting=lambda holder: _say(trial, _waiting(holder)))
    with waiting if ranks.first else contextlib.nullcontext():
        if ranks.tell(ranks.first and restore(trial.train())):
            return _say_finished(trial) if ranks.first else 0
        return _attempt(trial, Spec.load(trial), lease, ranks, how)


def _attempt(
    trial: TrialLayout,
    spec: Spec,
    lease: Lease,
    ranks: Ranks,
    how: _How,
) -> int:
    """Train under the lease, and note in `attempts.jsonl` how it went."""
    attempts = Attempts(trial.attempts)
    steps = steps_of(spec, float(trial.share))
    found = ranks.tell(checkpoints.to_go_on_from(trial, steps.trunk) if ranks.first else None)
    if ranks.first:
        if attempts.running and storage.full(trial.folder):
            attempts.take_back()  # killed in a write, as likely as not: no try
        note_preemption(attempts, found.step if found else 0)
        attempts.begin(how.attempt, found.step if found else 0)
    run = _Run(trial, spec, steps, lease, ranks, how, found)
    try:
        with Interruption() as interruption:
            run.train(interruption)
            return run.finish(attempts, interruption)  # a signal while the model is saved must not cost it
    except KeyboardInterrupt:
        if ranks.first:
            attempts.end(how.attempt, "interrupted", run.step, run.seconds, "interrupted twice, without a checkpoint")
        return EXIT_CODE
    except Exception as error:
        if (full := storage.trouble(error, trial.folder)) is not None:
            if ranks.first:
                _make_room(trial)
            if attempts.running and not ranks.lost_another(error):
                attempts.stopped_by_storage(how.attempt, run.step, run.seconds, str(full))
            raise full from None
        reason = _in_a_line(error)
        log = trial.logs / f"attempt_{attempts.count}.log"
        if ranks.size > 1:
            log = log.with_stem(f"{log.stem}_process_{ranks.rank}")
        with contextlib.suppress(OSError):  # a full disk must not hide what happened
            # of several processes, the first one that breaks knows why
            if attempts.running and not ranks.lost_another(error):
                attempts.end(how.attempt, "error", run.step, run.seconds, reason)
        if isinstance(error, AdmireError):
            raise
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(traceback.format_exc(), encoding="utf-8")
        raise TrialError(f"{trial.folder}: the training broke ({reason}); the traceback is in {log}") from None


def _make_room(trial: TrialLayout) -> None:
    """Remove what storage left half written: it would only be in the way of the attempt that comes when there is space again."""
    checkpoints.newest(trial.checkpoints)
    shutil.rmtree(_partial(trial), ignore_errors=True)


def _partial(trial: TrialLayout) -> Path:
    """Where a model is written until it is whole."""
    return trial.model().with_name(f".{trial.model().name}.partial")


class _Run:
    """One attempt: what it was given, what became of it."""

    def __init__(
        self,
        trial: TrialLayout,
        spec: Spec,
        steps: Steps,
        lease: Lease,
        ranks: Ranks,
        how: _How,
        found: checkpoints.Checkpoint | None,
    ) -> None:
        self.trial, self.spec, self.steps, self.lease, self.found = trial, spec, steps, lease, found
        self.ranks, self.how = ranks, how
        self.trainer: Trainer | None = None
        self.saving: Checkpoints | None = None
        self.health: Health | None = None
        self.validation: Validation | None = None
        self.packages: tuple[str, ...] = ()
        self.said: Counter[str] = Counter()

    @property
    def step(self) -> int:
        """Optimiser steps done, of all attempts."""
        return self.trainer.state.global_step if self.trainer is not None else 0

    @property
    def seconds(self) -> float:
        """Wall time of this attempt inside the training loop."""
        return self.saving.seconds if self.saving is not None else 0.0

    def train(self, interruption: Interruption) -> None:
        """Run the loop until it ends, for whatever reason."""
        if self.ranks.size == 1:  # a process has one GPU: the library would give each one that it sees a batch
            os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
        from admire.train import callbacks
        from admire.train.trunk import Trunk

        curve = self.trial.curve()
        self.saving = callbacks.Checkpoints(
            self.ranks, interruption, self.lease, curve, self.found, 60 * self.how.checkpoint_minutes
        )
        self.health = callbacks.Health(self.spec.decides["training"]["diverged_above"], warmup_steps(self.spec))
        shown = [callbacks.Progress(_name(self.trial))] if self.ranks.first else []
        early = [] if self.trial.share == 1 else [Trunk(self.ranks, self.trial, self.steps.trunk)]
        if self.how.validation is not None:
            self.validation = self._validation(self.found.seconds if self.found else 0.0)
        watching = [self.health, self.saving, *early, *([self.validation] if self.validation else []), *shown]
        with counted() as self.said:
            self.trainer = self._build(watching)
            self.trainer.train(resume_from_checkpoint=str(self.found.folder) if self.found else None)
        if self.ranks.first:
            callbacks.write_curve(curve, self.trainer.state)

    def _validation(self, before: float) -> Validation:
        from admire.train.validation import Validation, held_out_rows

        rows = held_out_rows(self.how.validation, self.trial.results)
        return Validation(self.how.validation, rows, self.ranks, self.trial.validation(), lambda: before + self.seconds)

    def finish(self, attempts: Attempts, interruption: Interruption) -> int:
        """Record what came out: a model, a failure that is final, or a checkpoint to go on from. All processes come here and
        find the same; the first one writes it down."""
        ours = self.ranks.tell(self.ranks.first and not self.lease.lost and self.lease.held())
        whole = self.step >= self.trainer.state.max_steps
        if ours and (whole or self.health.reason is not None):
            if self.health.reason is None:
                self._save_model()
            return self._publish(attempts) if self.ranks.first else 0
        if not self.ranks.first:
            return EXIT_CODE
        if not ours:
            attempts.end(
                self.how.attempt, "interrupted", self.step, self.seconds, "another process took the trial's lease"
            )
            return EXIT_CODE
        attempts.end(
            self.how.attempt, "interrupted", self.step, self.seconds, f"{interruption.reason} at step {self.step}"
        )
        _say(self.trial, f"{interruption.reason}: a checkpoint of step {self.step} is kept, the same command goes on")
        return EXIT_CODE

    def _publish(self, attempts: Attempts) -> int:
        record = self._record(attempts)
        publish(self.trial.train(), record)  # first: it is what makes the trial finished
        attempts.end(self.how.attempt, record.status, self.step, self.seconds, record.reason)
        shutil.rmtree(self.trial.checkpoints, ignore_errors=True)
        return _say_finished(self.trial)

    def _build(self, callbacks: list[Any]) -> Trainer:
        import datasets
        import torch
        import transformers

        from admire.allocator import keep_freed_memory
        from admire.campaign.batch import share
        from admire.data.rows import load_rows
        from admire.data.tokenizers import check_tokenizer, load_tokenizer
        from admire.train.filling import fill

        if on_cpu(self.spec):
            keep_freed_memory()
            torch.set_num_threads(self.spec.decides["threads"])
            torch.use_deterministic_algorithms(True)
            torch.utils.deterministic.fill_uninitialized_memory = False  # a debugging aid that costs time
        datasets.disable_progress_bars()
        transformers.utils.logging.disable_progress_bar()
        resources, size = self.how.resources, self.ranks.size
        batch = share(self.spec.decides["training"]["batch_size"], size, resources.rows_per_device)
        rows = load_rows(self.trial)
        if size > 1:
            rows = fill(rows, size * batch.rows)
        labels, results = self.spec.labels, self.trial.results
        tokenizer = load_tokenizer(labels["tokenizer"], results.root, labels["chat_template"])
        check_tokenizer(tokenizer, self.spec.decides["tokenizer"], labels["tokenizer"])
        arguments = training_arguments(self.spec, self.trial, batch, resources)
        if "dro" in self.spec.decides:
            from admire.data.rows import row_sources
            from admire.train import doremi, pretrain

            self.packages = pretrain.PACKAGES
            sources = row_sources(self.trial)
            trainer = doremi.trainer(
                self.spec, rows, sources, tokenizer, arguments, callbacks, results, resources.attention
            )
        elif self.spec.decides["training"]["kind"] == "pretrain":
            from admire.train import pretrain

            self.packages = pretrain.PACKAGES
            trainer = pretrain.trainer(self.spec, rows, tokenizer, arguments, callbacks, resources.attention)
        else:
            from admire.train import sft

            self.packages = sft.PACKAGES
            how = {"attention": resources.attention, "padding_free": resources.padding_free}
            trainer = sft.trainer(self.spec, rows, tokenizer, arguments, callbacks, results, **how)
        if trainer.args.world_size != size:  # each would train on all rows, alone
            raise TrialError(
                f"resources.gpus: {size} processes were started and see no GPU; look at `nvidia-smi`, or install a GPU build of "
                "PyTorch (README, GPU builds)"
            )
        trainer.remove_callback(transformers.PrinterCallback)
        return trainer

    def _save_model(self) -> None:
        """Save weights and tokenizer, whole or not at all."""
        final = self.trial.model()
        partial = _partial(self.trial)
        if self.ranks.first:
            shutil.rmtree(partial, ignore_errors=True)
        self.ranks.wait()
        if self.how.resources.sharding == "full":
            self.trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
        self.trainer.save_model(str(partial))  # by all: each may hold a part
        if not self.ranks.first:
            return
        (partial / "training_args.bin").unlink(missing_ok=True)  # a pickle; the spec says it all
        for path in partial.iterdir():
            shutil.copymode(partial / "config.json", path)  # safetensors makes files that only their owner can read
            with open(path, "rb") as stream:
                os.fsync(stream.fileno())
        shutil.rmtree(final, ignore_errors=True)  # of an attempt that died before its record was written
        os.rename(partial, final)

    def _record(self, attempts: Attempts) -> TrainRecord:
        from admire.train.callbacks import logged_losses

        state, logged = self.trainer.state, logged_losses(self.trainer.state)
        losses = [entry["loss"] for entry in logged][-LOSS_WINDOW:]
        seconds = (self.found.seconds if self.found else 0.0) + self.seconds
        scoring = self.validation.seconds if self.validation else 0.0
        continued_from = self.found.continued_from if self.found else 0
        before = next((one["num_input_tokens_seen"] for one in logged if one["step"] == continued_from), 0)
        return TrainRecord(
            status="ok" if self.health.reason is None else "failed",
            digest=self.spec.digest,
            reason=self.health.reason,
            steps=state.global_step,
            planned_steps=self.steps.last,
            continued_from=continued_from,
            tokens=state.num_input_tokens_seen,
            loss=sum(losses) / len(losses) if self.health.reason is None else None,
            seconds=seconds,
            validation_seconds=scoring,
            first_step_seconds=self._first_step_seconds(),
            cpu_seconds=time.process_time(),
            gpus=0 if self.trainer.args.use_cpu else self.trainer.args.world_size,
            tokens_per_second=(state.num_input_tokens_seen - before) / (seconds - scoring),
            attempts=attempts.count,
            parameters=self.trainer.model.num_parameters(),
            learned=self._learned(),
            warnings=dict(sorted(self.said.items())),
            provenance=provenance(*self.packages),
        )

    def _learned(self) -> dict[str, float]:
        """The weights that a proxy of DoReMi arrived at."""
        if "dro" not in self.spec.decides:
            return {}
        weights = self.trainer.source_weights.mean.tolist()
        return {source["sha256"]: weight for source, weight in zip(self.spec.sources, weights, strict=True)}

    def _first_step_seconds(self) -> float | None:
        """From the start of the process that was called to the end of this attempt's first step."""
        if self.saving.stepped is None:
            return None
        called = psutil.Process(os.getppid() if self.ranks.size > 1 else None)
        return self.saving.stepped - called.create_time()


def _give_up(trial: TrialLayout, lease: Lease, memory_mb: int | None) -> int:
    """Record as failed what no attempt could finish."""
    with lease.hold(wait=True, waiting=lambda holder: _say(trial, _waiting(holder))):
        if restore(trial.train()):
            return _say_finished(trial)
        attempts = Attempts(trial.attempts)
        spec = Spec.load(trial)
        found = checkpoints.to_go_on_from(trial, steps_of(spec, float(trial.share)).trunk)
        record = TrainRecord(
            status="failed",
            digest=spec.digest,
            reason=f"given up after {attempts.count} attempts, the last one: {last_reason(attempts, memory_mb)}",
            steps=found.step if found else 0,
            continued_from=found.continued_from if found else 0,
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
    print(f"{_name(trial)}: {words}", file=sys.stderr, flush=True)


def _name(trial: TrialLayout) -> str:
    return label(f"{trial.folder.parent.name}/{trial.folder.name[:8]}", trial.share)
