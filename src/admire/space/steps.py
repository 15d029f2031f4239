"""How many optimiser steps a training takes that may stop at a share of the whole.

The learning rate rises, stays and falls again (the schedule warmup_stable_decay), so that a training that is cut short and
falls earlier is a whole one of fewer steps (Hu et al. 2024, arXiv:2404.06395). Until it falls, trainings to all shares do the
same: warm-up and stable phase, and from the end of the stable phase the longer ones go on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

# the schedule with which a training may stop early
SCHEDULE = "warmup_stable_decay"
# of a training's own steps, in which the learning rate falls; Hu et al. use 0.1 to 0.2
DECAY_SHARE = 0.2


@dataclass(frozen=True)
class Steps:
    """Steps of one training.

    Args:
        whole: of the whole training.
        share: at which share of them it stops, in (0, 1].
    """

    whole: int
    share: float = 1.0

    @classmethod
    def of(cls, rows: int, batch_size: int, epochs: int, share: float = 1.0) -> Steps:
        """From the rows of a pass; its last step may see fewer than a batch."""
        return cls(epochs * math.ceil(rows / batch_size), share)

    @property
    def last(self) -> int:
        """The step at which it ends."""
        return round(self.share * self.whole)

    @property
    def decay(self) -> int:
        """Steps in which the learning rate falls."""
        return round(DECAY_SHARE * self.last)

    @property
    def stable_end(self) -> int:
        """The last step of the stable phase, after which the learning rate falls."""
        return self.last - self.decay
