"""Fidelities, cheapest first: their costs, and the target among them.

A fidelity is a model size or, where trials may stop early, a model size at a fraction of its training steps. A trial that stopped
early can be resumed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from admire.space import money


@dataclass(frozen=True)
class Fidelities:
    """M fidelities, cheapest first.

    Args:
        names: M labels.
        costs: M nominal costs of one trial that starts from step 0, in the campaign's cost unit, ascending.
        target: index of the fidelity that the recommendation is for.
        shares: M fractions of the training steps in (0, 1]; all 1 by default.
        models: index of each fidelity's model size (M). A trial can be resumed to a larger fraction of the same model. By default
            every fidelity is a model of its own, and no trial can be resumed.
        kept: resuming a trial that was trained to fraction f costs `kept * f * cost of the whole training` less.

    Raises:
        ValueError: if the costs are not positive and ascending, or the target is not one of the fidelities.
    """

    names: tuple[str, ...]
    costs: tuple[float, ...]
    target: int
    shares: tuple[float, ...] = ()
    models: tuple[int, ...] = ()
    kept: float = 0.0

    def __post_init__(self) -> None:
        if not self.shares:
            object.__setattr__(self, "shares", (1.0,) * len(self.names))
        if not self.models:
            object.__setattr__(self, "models", tuple(range(len(self.names))))
        if list(self.costs) != sorted(self.costs) or min(self.costs) <= 0:
            raise ValueError(f"costs must be positive and ascending, got {self.costs}")
        if not 0 <= self.target < len(self.names) == len(self.costs):
            raise ValueError("target must be one of the sizes")

    @property
    def m(self) -> int:
        """Number of fidelities."""
        return len(self.names)

    @property
    def whole(self) -> tuple[int, ...]:
        """M indices: for each fidelity the one with the largest fraction of the same model."""
        largest = {model: i for share, i, model in sorted(zip(self.shares, range(self.m), self.models, strict=True))}
        return tuple(largest[model] for model in self.models)

    def longer(self, size: int) -> list[int]:
        """The fidelities to which a trial at `size` can be resumed: larger fractions of the same model."""
        same = [i for i in range(self.m) if self.models[i] == self.models[size]]
        return [i for i in same if self.shares[i] > self.shares[size]]

    def price(self, size: int, reached: float = 0.0) -> float:
        """Cost of a trial at `size`; `reached` is the fraction to which the same trial was trained already, 0 for none."""
        if not reached:
            return self.costs[size]
        return money.left(self.costs[size], money.times(self.kept, reached, self.costs[self.whole[size]]))

    @property
    def least(self) -> float:
        """The lowest cost of any trial, resumed ones included."""
        going_on = [self.price(i, self.shares[size]) for size in range(self.m) for i in self.longer(size)]
        return min([*self.costs, *going_on])

    def scale(self, size: np.ndarray) -> np.ndarray:
        """Positions in [0, 1] of fidelities (indices 0..M-1) on the logarithm of cost; the dearest one is at 1."""
        logs = np.log(self.costs)
        span = logs[-1] - logs[0]
        numbers = np.ones(self.m) if span == 0 else (logs - logs[0]) / span
        return numbers[np.asarray(size, dtype=int)]
