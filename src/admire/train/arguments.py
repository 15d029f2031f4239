"""A spec's training in the words of `transformers.TrainingArguments`, the same for pre-training and fine-tuning."""

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
    """Optimiser steps of the training to a share.

    Raises:
        TrialError: if its schedule does not let it stop early.
    """
    training = spec.training
    if share != 1 and training.schedule != SCHEDULE:
        raise TrialError(
            f"{spec.model}/{spec.digest}: its learning rate follows '{training.schedule}', which {share:g} of the steps would "
            f"cut off; only with training.schedule: {SCHEDULE} may a trial stop early"
        )
    return Steps.of(spec.rows, training.batch_size, training.epochs, share)


def warmup_steps(spec: Spec) -> int:
    """Optimiser steps in which the learning rate rises, to whatever share the trial is trained."""
    return round(spec.training.warmup_share * steps_of(spec).whole)


def training_arguments(spec: Spec, trial: TrialLayout, batch: Batch, resources: Resources) -> dict[str, Any]:
    """Keyword arguments for `TrainingArguments` and its subclasses.

    Args:
        batch: this process's share of one.
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
        # the one order is ours
        "train_sampling_strategy": "sequential",
        "remove_unused_columns": False,
        "dataloader_pin_memory": not on_cpu(spec),
        # every step is logged: the loss curve is part of the record, and a NaN is known by its step
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "log_level": "warning",  # counted, not printed (`admire.trials.complaints`)
        "disable_tqdm": True,
        "report_to": "none",
        # checkpoints are requested by admire.train.callbacks
        "save_strategy": "no",
        "save_total_limit": KEEP,
        # every weight has a gradient in each step
        "ddp_find_unused_parameters": False,
        "use_liger_kernel": resources.liger,
        **_memory(resources),
    }


def _memory(resources: Resources) -> dict[str, Any]:
    """How weights, optimiser state and activations are kept."""
    if resources.sharding == "none":
        return {"activation_checkpointing": resources.activation_checkpointing}
    return {
        "activation_checkpointing": False,
        "fsdp": True,
        "fsdp_config": {
            "activation_checkpointing": resources.activation_checkpointing,
            # each process writes its own part of a checkpoint
            "state_dict_type": "SHARDED_STATE_DICT",
            # one process of a node reads the weights, or each would need main memory for all of them
            "cpu_ram_efficient_loading": True,
        },
    }


def on_cpu(spec: Spec) -> bool:
    """Whether the trial trains on CPU; then the number of threads is part of its identity."""
    return spec.threads is not None
