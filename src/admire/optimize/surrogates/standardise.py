"""Standardisation of metrics before a process models them, separately per size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from admire.space.fidelities import Fidelities

SCALE_STRENGTH = 4.0  # the scale that is borrowed from the size with most trials counts as this many trials


@dataclass(frozen=True)
class Standardisation:
    """The standardisation of one metric at each size s: `(y - location[s]) / scale[s]`.

    Args:
        location: M averages. For a size without trials it is read off the line through the two nearest sizes with trials, over
            log cost.
        scale: M standard deviations. Where a size has few trials, it is shrunk towards that of the size with most trials.
    """

    location: np.ndarray
    scale: np.ndarray

    @classmethod
    def of(cls, y: np.ndarray, size: np.ndarray, fidelities: Fidelities) -> Standardisation:
        """Estimate it from n >= 1 values `y` (n) of a metric at sizes `size` (n)."""
        counts = np.bincount(size, minlength=fidelities.m)
        seen = counts > 0
        means = np.array([y[size == s].mean() if seen[s] else np.nan for s in range(fidelities.m)])
        squares = np.array([((y[size == s] - means[s]) ** 2).sum() if seen[s] else 0.0 for s in range(fidelities.m)])
        best = int(counts.argmax())
        # A single value has no standard deviation; a tenth of its magnitude is used instead.
        reference = squares[best] / (counts[best] - 1) if counts[best] > 1 else (0.1 * means[best]) ** 2
        reference = max(reference, (1e-6 * max(abs(means[best]), 1e-3)) ** 2)
        scale = np.sqrt((SCALE_STRENGTH * reference + squares) / (SCALE_STRENGTH + np.maximum(counts - 1, 0)))
        return cls(_extrapolate(means, seen, fidelities), scale)


def _extrapolate(means: np.ndarray, seen: np.ndarray, fidelities: Fidelities) -> np.ndarray:
    """`means` (M) with values for sizes not `seen` (M booleans): from the line through the two nearest seen ones over log cost."""
    known = np.flatnonzero(seen)
    place = fidelities.scale(np.arange(fidelities.m))
    filled = means.copy()
    for s in np.flatnonzero(~seen):
        near = known[np.argsort(abs(place[known] - place[s]), kind="stable")[:2]]
        run = place[near[-1]] - place[near[0]]
        slope = (means[near[-1]] - means[near[0]]) / run if run else 0.0
        filled[s] = means[near[0]] + slope * (place[s] - place[near[0]])
    return filled
