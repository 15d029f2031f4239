"""The stable phase of a trial: its trainings to every share have it in common, up to where the shortest one's learning rate falls.

A training that stops early leaves its checkpoint from before the decay, the trainer's whole state, in the trial's `trunk/`. A
longer one goes on from it and ends in the bits in which it would have ended without the stop.
"""

from __future__ import annotations

import os
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from admire.campaign.layout import TrialLayout
from admire.distributed.ranks import Ranks


class StablePhase(TrainerCallback):
    """Saves a checkpoint at the end of the stable phase and keeps it apart from those that end with the training. It comes after
    the callback that declares checkpoints whole.

    Args:
        end: the last step of the stable phase.
    """

    def __init__(self, ranks: Ranks, trial: TrialLayout, end: int) -> None:
        self.ranks, self.trial, self.end = ranks, trial, end

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Ask for the checkpoint."""
        control.should_save |= state.global_step == self.end

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Move it, whole as it is."""
        if state.global_step == self.end and self.ranks.first:
            name = f"checkpoint-{self.end}"
            self.trial.stable_checkpoints.mkdir(exist_ok=True)
            os.rename(self.trial.checkpoints / name, self.trial.stable_checkpoints / name)
