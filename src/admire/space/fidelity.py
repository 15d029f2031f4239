"""Fidelities: the model sizes, cheapest first, what a trial of each costs, and which one is the target."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Fidelities:
    """M model sizes, cheapest first.

    Args:
        names: M labels.
        costs: M nominal costs of one trial, in the campaign's cost unit, ascending.
        target: index of the size that the recommendation is for.
        shares: M shares of the training steps in (0, 1], where a table has partly trained models; all 1 when left out.
    """

    names: tuple[str, ...]
    costs: tuple[float, ...]
    target: int
    shares: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.shares:
            object.__setattr__(self, "shares", (1.0,) * len(self.names))
        if list(self.costs) != sorted(self.costs) or min(self.costs) <= 0:
            raise ValueError(f"costs must be positive and ascending, got {self.costs}")
        if not 0 <= self.target < len(self.names) == len(self.costs):
            raise ValueError("target must be one of the sizes")

    @property
    def m(self) -> int:
        """Number of sizes."""
        return len(self.names)

    def scale(self, size: np.ndarray) -> np.ndarray:
        """Sizes (indices 0..M-1) as numbers in [0, 1] on the logarithm of cost; the target is at 1 when it is dearest."""
        logs = np.log(self.costs)
        span = logs[-1] - logs[0]
        numbers = np.ones(self.m) if span == 0 else (logs - logs[0]) / span
        return numbers[np.asarray(size, dtype=int)]
