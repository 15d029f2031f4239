"""The capped simplex: mixtures `w` with `0 <= w_i <= cap_i` and `sum(w) = 1`.

All K coordinates are kept, with an equality constraint: dropping one coordinate would disadvantage the dropped source, and
stick-breaking would distort distances (docs/decisions.md).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from admire.errors import ConfigError

TOLERANCE = 1e-9


@dataclass(frozen=True, eq=False)
class CappedSimplex:
    """`{w : 0 <= w_i <= cap_i, sum(w) = 1}` over K named sources.

    Args:
        names: the K sources, in the order of every weight vector.
        caps: K upper bounds in (0, 1].

    Raises:
        ConfigError: if the caps are negative or sum to less than 1, so that no mixture exists.
    """

    names: tuple[str, ...]
    caps: np.ndarray

    def __post_init__(self) -> None:
        caps = np.minimum(np.asarray(self.caps, dtype=float), 1.0)
        object.__setattr__(self, "caps", caps)
        if caps.shape != (len(self.names),):
            raise ValueError(f"{len(self.names)} sources but caps of shape {caps.shape}")
        if (caps < 0).any():
            raise ConfigError(f"the cap of source '{self.names[int(caps.argmin())]}' is below zero")
        if caps.sum() < 1 - TOLERANCE:
            parts = ", ".join(f"{name} {cap:.3f}" for name, cap in zip(self.names, caps, strict=True))
            raise ConfigError(
                f"the sources' caps sum to {caps.sum():.3f}, less than 1 ({parts}): no mixture can be filled; "
                "raise mixture.max_epochs, lower mixture.rows or add data"
            )

    @property
    def k(self) -> int:
        """Number of sources K."""
        return len(self.names)

    def contains(self, weights: np.ndarray, tolerance: float = 1e-6) -> np.ndarray:
        """Whether each row of `weights` (... x K) lies in the space; shape (...)."""
        weights = np.asarray(weights, dtype=float)
        inside = (weights >= -tolerance) & (weights <= self.caps + tolerance)
        return inside.all(-1) & (abs(weights.sum(-1) - 1) <= tolerance * self.k)

    def project(self, points: np.ndarray) -> np.ndarray:
        """Euclidean projection of `points` (... x K, at least two-dimensional in the result) onto the space.

        The projection is `clip(v - tau, 0, cap)` for the `tau` at which the result sums to 1. `tau` is found by bisection,
        because that sum is continuous and non-increasing in `tau`.
        """
        points = np.atleast_2d(np.asarray(points, dtype=float))
        low = (points - self.caps).min(-1) - 1.0
        high = points.max(-1)
        for _ in range(100):
            middle = (low + high) / 2
            total = np.clip(points - middle[..., None], 0, self.caps).sum(-1)
            low, high = np.where(total >= 1, middle, low), np.where(total >= 1, high, middle)
        projected = np.clip(points - low[..., None], 0, self.caps)
        return self._close(projected)

    def fill(self, weights: np.ndarray) -> np.ndarray:
        """Scale non-negative `weights` (K) to sum 1 and distribute any excess over a cap to the other sources in proportion.

        This turns proportions, such as the sources' natural ones, into a mixture of the space. Weights of 0 stay 0 as long as the
        caps of the others sum to at least 1.

        Raises:
            ValueError: if a weight is negative or all are 0.
        """
        weights = np.asarray(weights, dtype=float)
        if (weights < 0).any() or weights.sum() <= 0:
            raise ValueError("weights to fill must be non-negative with a positive sum")
        filled = np.zeros(self.k)
        open_ = np.ones(self.k, dtype=bool)
        for _ in range(self.k + 1):
            left = 1 - filled[~open_].sum()
            share = np.where(open_, weights, 0.0)
            if share.sum() <= 0:
                share = np.where(open_, self.caps, 0.0)
            if share.sum() <= 0:
                break
            trial = left * share / share.sum()
            over = open_ & (trial > self.caps)
            if not over.any():
                filled = np.where(open_, trial, filled)
                break
            filled = np.where(over, self.caps, filled)
            open_ &= ~over
        return self._close(filled[None])[0]

    def sample(self, n: int, rng: np.random.Generator, concentration: np.ndarray | float = 1.0) -> np.ndarray:
        """`n` mixtures (n x K): Dirichlet draws, in which any excess over a cap goes to the other sources (`fill`).

        Args:
            concentration: the Dirichlet's parameters, one number or K of them; 1.0 is uniform on the simplex without caps.
        """
        alpha = np.broadcast_to(np.asarray(concentration, dtype=float), (self.k,))
        gamma = np.maximum(rng.gamma(alpha, size=(n, self.k)), 1e-300)
        return np.array([self.fill(row) for row in gamma]).reshape(n, self.k)

    def _close(self, weights: np.ndarray) -> np.ndarray:
        """Correct the rounding error of each row's sum in the coordinate with the most room; `weights` are ... x K."""
        weights = weights.copy()
        for row in weights.reshape(-1, self.k):
            gap = 1 - row.sum()
            room = self.caps - row if gap > 0 else row
            row[int(room.argmax())] += gap
        return weights
