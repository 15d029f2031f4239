"""Saves a trained model in one step: its folder either has all files or does not exist."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from admire.campaign.layout import TrialLayout
from admire.train.assignment import Given

if TYPE_CHECKING:
    from transformers import Trainer


def partial(trial: TrialLayout) -> Path:
    """The folder into which a model is written before it is renamed to its final place."""
    return trial.model().with_name(f".{trial.model().name}.partial")


def save(given: Given, trainer: Trainer) -> None:
    """Save weights and tokenizer. All processes must call this, because each may hold a part of the weights."""
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
    (growing / "training_args.bin").unlink(missing_ok=True)  # It is a pickle, and the spec has the same settings.
    for path in growing.iterdir():
        shutil.copymode(growing / "config.json", path)  # Only the owner could read the files that safetensors makes.
        with open(path, "rb") as stream:
            os.fsync(stream.fileno())
    shutil.rmtree(final, ignore_errors=True)  # An earlier attempt may have died between this rename and its record.
    os.rename(growing, final)
