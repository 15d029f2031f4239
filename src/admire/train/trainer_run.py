"""The training loop: builds a trainer with ADMIRE's callbacks and runs it until it finishes, is interrupted or cannot succeed."""

from __future__ import annotations

from dataclasses import dataclass, field

import datasets
import torch
import transformers
from transformers import Trainer, TrainerCallback

from admire.allocator import keep_freed_memory
from admire.campaign.batch import share
from admire.data.rows import load_rows
from admire.data.tokenizers import check_tokenizer, load_tokenizer
from admire.errors import TrialError
from admire.train import announce
from admire.train.arguments import training_arguments, warmup_steps
from admire.train.assignment import Given
from admire.train.attempt_notes import Tally
from admire.train.callbacks import Checkpoints, Health, Progress, write_curve
from admire.train.filling import fill
from admire.train.interruption import Interruption
from admire.train.stable_phase import StablePhase
from admire.train.trainers import Built, Ingredients, build
from admire.train.validation_callback import Validation, held_out_rows
from admire.trials.complaints import counted


@dataclass(frozen=True)
class Trained:
    """A training loop that has ended: after its last step, by an interruption, or because it could not succeed.

    Attributes:
        hopeless: the reason why it could not succeed (see `Health`); None in the other cases.
        validation_seconds: seconds in which all attempts together scored held-out rows.
        warnings: kind of warning -> how often this attempt emitted it.
    """

    built: Built
    hopeless: str | None
    validation_seconds: float
    warnings: dict[str, int] = field(default_factory=dict)

    @property
    def trainer(self) -> Trainer:
        """The library's trainer, in its last state."""
        return self.built.trainer

    @property
    def whole(self) -> bool:
        """Whether all steps were taken."""
        return self.trainer.state.global_step >= self.trainer.state.max_steps


def train(given: Given, tally: Tally, interruption: Interruption) -> Trained:
    """Run the loop until it ends.

    Raises:
        TrialError: if the training cannot begin.
    """
    health = Health(given.spec.training.diverged_above, warmup_steps(given.spec))
    watching: list[TrainerCallback] = [health, Checkpoints(given, tally, interruption)]
    if given.trial.share != 1:
        watching.append(StablePhase(given.ranks, given.trial, given.steps.stable_end))
    validation = _validation(given, tally)
    watching += [validation] if validation else []
    watching += [Progress(announce.name(given.trial))] if given.ranks.first else []
    with counted() as said:
        built = _build(given, watching)
        start = given.start.folder
        built.trainer.train(resume_from_checkpoint=str(start) if start else None)
    if given.ranks.first:
        write_curve(given.trial.curve(), built.trainer.state)
    return Trained(built, health.reason, validation.seconds if validation else 0.0, dict(sorted(said.items())))


def _validation(given: Given, tally: Tally) -> Validation | None:
    plan = given.order.validation
    if plan is None:
        return None
    rows = held_out_rows(plan, given.trial.results)
    path = given.trial.validation()
    return Validation(plan, rows, given.ranks, path, lambda: given.start.seconds + tally.seconds)


def _build(given: Given, callbacks: list[TrainerCallback]) -> Built:
    _quieten_and_repeat(given)
    spec, size, resources = given.spec, given.ranks.size, given.order.resources
    batch = share(spec.training.batch_size, size, resources.rows_per_device)
    rows = load_rows(given.trial)
    if size > 1:
        rows = fill(rows, size * batch.rows)
    place = spec.labels["tokenizer"]
    tokenizer = load_tokenizer(place, given.trial.results.root, spec.labels["chat_template"])
    check_tokenizer(tokenizer, spec.decides["tokenizer"], place)
    arguments = training_arguments(spec, given.trial, batch, resources)
    built = build(Ingredients(spec, given.trial, rows, tokenizer, arguments, callbacks, resources))
    # Processes that do not see each other would each train a model of their own, on all rows.
    if built.trainer.args.world_size != size:
        raise TrialError(
            f"resources.gpus: {size} processes were started and see no GPU; look at `nvidia-smi`, or install a GPU build of "
            "PyTorch (README, GPU builds)"
        )
    built.trainer.remove_callback(transformers.PrinterCallback)
    return built


def _quieten_and_repeat(given: Given) -> None:
    """Switch off the libraries' progress bars, and on CPU make the training deterministic to the bit."""
    datasets.disable_progress_bars()
    transformers.utils.logging.disable_progress_bar()
    if given.spec.threads is not None:
        keep_freed_memory()
        torch.set_num_threads(given.spec.threads)
        torch.use_deterministic_algorithms(True)
        # This debugging aid is on by default in deterministic mode, and costs time.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
