"""Fidelities: the model sizes, cheapest first, what a trial of each costs, and which one is the target; in some problems each
model size also to smaller shares of its training steps, and a trial that stopped there can go on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from admire.space import money


@dataclass(frozen=True)
class Fidelities:
    """M fidelities, cheapest first.

    Args:
        names: M labels.
        costs: M nominal costs of one trial that begins anew, in the campaign's cost unit, ascending.
        target: index of the fidelity that the recommendation is for.
        shares: M shares of the training steps in (0, 1]; all 1 when left out.
        models: M numbers of model sizes. A trial goes on to a larger share of its own model; left out: each fidelity is a model
            of its own, and no trial goes on.
        kept: of the cost of a model's whole training, what a trial that goes on need not pay again, times the share that it was
            trained to.
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
        """M indices: the largest share of each one's model."""
        largest = {model: i for share, i, model in sorted(zip(self.shares, range(self.m), self.models, strict=True))}
        return tuple(largest[model] for model in self.models)

    def longer(self, size: int) -> list[int]:
        """The larger shares that a trial at `size` can go on to."""
        same = [i for i in range(self.m) if self.models[i] == self.models[size]]
        return [i for i in same if self.shares[i] > self.shares[size]]

    def price(self, size: int, reached: float = 0.0) -> float:
        """What a trial costs whose mixture was trained at the same model to the share `reached` already (0: to none)."""
        if not reached:
            return self.costs[size]
        return money.left(self.costs[size], money.times(self.kept, reached, self.costs[self.whole[size]]))

    @property
    def least(self) -> float:
        """The lowest price that there is."""
        going_on = [self.price(i, self.shares[size]) for size in range(self.m) for i in self.longer(size)]
        return min([*self.costs, *going_on])

    def scale(self, size: np.ndarray) -> np.ndarray:
        """Fidelities (indices 0..M-1) as numbers in [0, 1] on the logarithm of cost; the target is at 1 when it is dearest."""
        logs = np.log(self.costs)
        span = logs[-1] - logs[0]
        numbers = np.ones(self.m) if span == 0 else (logs - logs[0]) / span
        return numbers[np.asarray(size, dtype=int)]
