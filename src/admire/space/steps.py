"""Numbers of optimiser steps of a training that may stop at a fraction of the whole.

The learning rate rises, stays constant and decays (the schedule warmup_stable_decay). A training whose decay begins earlier is
therefore a complete training of fewer steps (Hu et al. 2024, arXiv:2404.06395). Trainings to all fractions share the warm-up
and the stable phase up to the shortest one's decay; longer ones resume from the end of its stable phase.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# Only this learning-rate schedule lets a training stop early.
SCHEDULE = "warmup_stable_decay"
# The learning rate decays over this fraction of a training's own steps; Hu et al. use 0.1 to 0.2.
DECAY_SHARE = 0.2


@dataclass(frozen=True)
class Steps:
    """Steps of one training.

    Args:
        whole: steps of the whole training.
        share: the fraction of them, in (0, 1], after which this training stops.
    """

    whole: int
    share: float = 1.0

    @classmethod
    def of(cls, rows: int, batch_size: int, epochs: int, share: float = 1.0) -> Steps:
        """Steps for `rows` per epoch; the last step of an epoch may see fewer rows than a batch."""
        return cls(epochs * math.ceil(rows / batch_size), share)

    @property
    def last(self) -> int:
        """The step after which this training ends."""
        return round(self.share * self.whole)

    @property
    def decay(self) -> int:
        """Number of steps in which the learning rate decays."""
        return round(DECAY_SHARE * self.last)

    @property
    def stable_end(self) -> int:
        """The last step of the stable phase, after which the learning rate decays."""
        return self.last - self.decay
