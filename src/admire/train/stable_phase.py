"""Keeps a checkpoint of the stable phase of a trial for its longer trainings. Trainings to different fractions take the same steps
until the learning rate of the shorter one begins to fall.

A training that stops early leaves a checkpoint of its last step before the decay, with the trainer's whole state, in the trial's
`trunk/`. A longer training resumes from it, and its result has the same bits as without the shorter one.
"""

from __future__ import annotations

import os
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from admire.campaign.layout import TrialLayout
from admire.distributed.ranks import Ranks


class StablePhase(TrainerCallback):
    """Saves a checkpoint at the end of the stable phase and moves it to a folder that survives the training. It must come after the
    callback that marks checkpoints as whole.

    Args:
        end: the last step of the stable phase.
    """

    def __init__(self, ranks: Ranks, trial: TrialLayout, end: int) -> None:
        self.ranks, self.trial, self.end = ranks, trial, end

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Request the checkpoint."""
        control.should_save |= state.global_step == self.end

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Move the checkpoint, which is marked as whole by now."""
        if state.global_step == self.end and self.ranks.first:
            name = f"checkpoint-{self.end}"
            self.trial.stable_checkpoints.mkdir(exist_ok=True)
            os.rename(self.trial.checkpoints / name, self.trial.stable_checkpoints / name)
