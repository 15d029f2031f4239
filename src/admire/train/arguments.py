"""Translates a spec's training into `transformers.TrainingArguments`, in the same way for pre-training and fine-tuning."""

from __future__ import annotations

from typing import Any

from admire.campaign.batch import Batch
from admire.campaign.layout import TrialLayout
from admire.campaign.schema.resources import Resources
from admire.errors import TrialError
from admire.space.steps import SCHEDULE, Steps
from admire.train.checkpoints import KEEP
from admire.trials.identity import Spec


def steps_of(spec: Spec, share: float = 1.0) -> Steps:
    """The optimiser steps of a training that stops after a fraction of them.

    Args:
        share: the fraction, in (0, 1].

    Raises:
        TrialError: if the learning rate schedule does not allow the training to stop early.
    """
    training = spec.training
    if share != 1 and training.schedule != SCHEDULE:
        raise TrialError(
            f"{spec.model}/{spec.digest}: its learning rate follows '{training.schedule}', which {share:g} of the steps would "
            f"cut off; only with training.schedule: {SCHEDULE} may a trial stop early"
        )
    return Steps.of(spec.rows, training.batch_size, training.epochs, share)


def warmup_steps(spec: Spec) -> int:
    """Optimiser steps in which the learning rate rises: a part of the whole training, whichever fraction of it is trained."""
    return round(spec.training.warmup_share * steps_of(spec).whole)


def training_arguments(spec: Spec, trial: TrialLayout, batch: Batch, resources: Resources) -> dict[str, Any]:
    """Keyword arguments for `TrainingArguments` and its subclasses.

    Args:
        batch: this process's part of a batch, as rows per pass and passes per step.
    """
    training, steps = spec.training, steps_of(spec, float(trial.share))
    schedule = training.schedule
    return {
        "output_dir": str(trial.checkpoints),
        "per_device_train_batch_size": batch.rows,
        "gradient_accumulation_steps": batch.passes,
        "learning_rate": training.learning_rate,
        "lr_scheduler_type": schedule,
        "lr_scheduler_kwargs": {"num_decay_steps": steps.decay} if schedule == SCHEDULE else {},
        "warmup_steps": warmup_steps(spec),
        "weight_decay": training.weight_decay,
        "adam_beta2": training.adam_beta2,
        "max_grad_norm": training.max_grad_norm,
        "max_steps": steps.last,
        "optim": "adamw_torch" if on_cpu(spec) else "adamw_torch_fused",
        "bf16": training.dtype == "bfloat16",
        "use_cpu": on_cpu(spec),
        "seed": training.seed,
        # The rows are in training order already, so the library must not shuffle them.
        "train_sampling_strategy": "sequential",
        "remove_unused_columns": False,
        "dataloader_pin_memory": not on_cpu(spec),
        # Every step is logged, because the loss curve is part of the record and a NaN is reported with its step.
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "log_level": "warning",  # Warnings must be emitted, because `admire.trials.complaints` counts them.
        "disable_tqdm": True,
        "report_to": "none",
        # The callbacks in `admire.train.callbacks` request the checkpoints.
        "save_strategy": "no",
        "save_total_limit": KEEP,
        # Every weight has a gradient in each step, so a search for unused weights would only cost time.
        "ddp_find_unused_parameters": False,
        "use_liger_kernel": resources.liger,
        **_memory(resources),
    }


def _memory(resources: Resources) -> dict[str, Any]:
    """The arguments that decide how weights, optimiser state and activations are held in memory."""
    if resources.sharding == "none":
        return {"activation_checkpointing": resources.activation_checkpointing}
    return {
        "activation_checkpointing": False,
        "fsdp": True,
        "fsdp_config": {
            "activation_checkpointing": resources.activation_checkpointing,
            # Each process writes its own part of a checkpoint, so none has to hold the whole state.
            "state_dict_type": "SHARDED_STATE_DICT",
            # One process per node reads the weights; otherwise each process would need main memory for all of them.
            "cpu_ram_efficient_loading": True,
        },
    }


def on_cpu(spec: Spec) -> bool:
    """Whether the trial trains on CPU: only then has its spec a number of threads, which is part of the trial's identity."""
    return spec.threads is not None
