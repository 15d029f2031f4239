"""The folder of a trained model: there whole, or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from admire.campaign.layout import TrialLayout
from admire.train.order import Given

if TYPE_CHECKING:
    from transformers import Trainer


def partial(trial: TrialLayout) -> Path:
    """Where a model is written until it is whole."""
    return trial.model().with_name(f".{trial.model().name}.partial")


def save(given: Given, trainer: Trainer) -> None:
    """Save weights and tokenizer; all processes call it, because each may hold a part of the weights."""
    trial, ranks = given.trial, given.ranks
    final, growing = trial.model(), partial(trial)
    if ranks.first:
        shutil.rmtree(growing, ignore_errors=True)
    ranks.barrier()
    if given.order.resources.sharding == "full":
        trainer.accelerator.state.fsdp_plugin.set_state_dict_type("FULL_STATE_DICT")
    trainer.save_model(str(growing))
    if not ranks.first:
        return
    (growing / "training_args.bin").unlink(missing_ok=True)  # a pickle; the spec says it all
    for path in growing.iterdir():
        shutil.copymode(growing / "config.json", path)  # safetensors makes files that only their owner can read
        with open(path, "rb") as stream:
            os.fsync(stream.fileno())
    shutil.rmtree(final, ignore_errors=True)  # of an attempt that died before its record was written
    os.rename(growing, final)
