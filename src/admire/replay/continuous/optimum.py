"""The best mixture of a known function on the capped simplex."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from admire.space.simplex import CappedSimplex

KEPT = 20  # mixtures from which a round goes on
TRIED = 400  # new mixtures per round
ROUNDS = 60
STEPS = (-3.0, -0.7)  # lengths of steps are 10 to a power between these; weights are fractions


def best_mixture(
    space: CappedSimplex, value: Callable[[np.ndarray], np.ndarray], starts: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, float]:
    """The best mixture (K) that a search by random steps of many lengths finds, and its value.

    Args:
        value: values (n) of mixtures (n x K), of which the largest is wanted.
        starts: mixtures (n x K), the best of which the search goes on from.
    """
    tops, values = _best(starts, value(starts))
    for _ in range(ROUNDS):
        length = 10 ** rng.uniform(*STEPS, size=(TRIED, 1))
        begun = tops[rng.integers(len(tops), size=TRIED)]
        new = space.project(begun + length * rng.normal(size=begun.shape) / np.sqrt(space.k))
        tops, values = _best(np.concatenate([tops, new]), np.concatenate([values, value(new)]))
    return tops[0], float(values[0])


def _best(X: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(-values, kind="stable")[:KEPT]
    return X[order], values[order]
