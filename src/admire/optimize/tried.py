"""Random and well-spread mixtures, which no model chooses, and the record of the trials so far."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from admire.optimize.problem import Observations, Pending, Problem
from admire.space.counts import exact_counts

REDRAWS = 20  # batches that are drawn before all mixtures of exact counts are taken to be used up


class Tried:
    """The trials of a campaign so far. Two mixtures are the same trial if their exact counts are equal.

    A finished trial that stopped at a fraction of its steps can be resumed to a larger fraction of the same model.

    Args:
        problem: its `totals` decide which mixtures have equal counts.
        seen: finished trials; only those of replicate 0 count.
        pending: trials that are decided but not finished.
    """

    def __init__(self, problem: Problem, seen: Observations, pending: Pending) -> None:
        self.problem = problem
        self._closed: set[tuple[int, bytes]] = set()  # pending or failed trials: they cannot be resumed now
        self._stopped: dict[
            tuple[int, bytes], tuple[int, np.ndarray]
        ] = {}  # the longest fidelity with a score, and the mixture
        first = seen.replicate == 0
        scored = np.isfinite(problem.objective(seen.Y[first]))
        for x, size, score in zip(seen.X[first], seen.size[first], scored, strict=True):
            key = self._key(x, size)
            if not score:
                self._closed.add(key)
            elif key not in self._stopped or size > self._stopped[key][0]:
                self._stopped[key] = (int(size), x)
        self._closed |= {self._key(x, int(s)) for x, s in zip(pending.X, pending.size, strict=True)}

    def __contains__(self, trial: tuple[np.ndarray, int]) -> bool:
        key, shares = self._key(*trial), self.problem.fidelities.shares
        return key in self._closed or (key in self._stopped and shares[self._stopped[key][0]] >= shares[trial[1]])

    def add(self, weights: np.ndarray, size: int) -> None:
        """Record a pending trial."""
        self._closed.add(self._key(weights, size))

    def take_new(self, mixtures: Iterable[np.ndarray], size: int, n: int) -> list[np.ndarray]:
        """The first `n` of `mixtures` (K each) that are new at `size`, which are recorded as pending."""
        new: list[np.ndarray] = []
        for weights in mixtures:
            if len(new) == n:
                break
            if (weights, size) not in self:
                self.add(weights, size)
                new.append(weights)
        return new

    def price(self, weights: np.ndarray, size: int) -> float:
        """Cost of a new trial; less than a whole one's if it resumes a trial that stopped early."""
        fidelities = self.problem.fidelities
        stopped = self._stopped.get(self._key(weights, size))
        if stopped is None or size not in fidelities.longer(stopped[0]):
            return fidelities.price(size, 0.0)
        return fidelities.price(size, fidelities.shares[stopped[0]])

    def stopped(self) -> list[tuple[np.ndarray, list[int]]]:
        """Mixtures (K) of trials that stopped early, each with the fidelities to which it can be resumed."""
        longer = self.problem.fidelities.longer
        return [
            (x, longer(size)) for key, (size, x) in self._stopped.items() if longer(size) and key not in self._closed
        ]

    def _key(self, weights: np.ndarray, size: int) -> tuple[int, bytes]:
        counts = exact_counts(np.maximum(weights, 0), self.problem.totals[size])
        return self.problem.fidelities.models[size], counts.tobytes()


def offered(problem: Problem, x: np.ndarray, size: int) -> bool:
    """Whether mixture `x` (K) can be trained at `size`; always true in the continuous space."""
    return problem.pool is None or bool((abs(problem.pool[size] - x).max(1) < 1e-9).any())


def sample(problem: Problem, n: int, rng: np.random.Generator) -> np.ndarray:
    """`n` random mixtures (n x K) of the continuous space, alternately uniform ones and ones around the baseline mixture."""
    k = problem.space.k
    mixtures = problem.space.sample(n, rng)
    around = problem.space.sample(n // 2, rng, concentration=k * problem.prior)
    mixtures[1 : 2 * len(around) : 2] = around
    return mixtures


def random_mixtures(problem: Problem, tried: Tried, size: int, n: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Up to `n` random mixtures (K) that are new at `size`; fewer if the pool or the mixtures of exact counts are used up."""
    if problem.pool is not None:
        pool = problem.pool[size]
        return tried.take_new(pool[rng.permutation(len(pool))], size, n)
    found: list[np.ndarray] = []
    for _ in range(REDRAWS):
        if len(found) == n:
            break
        found += tried.take_new(sample(problem, n, rng), size, n - len(found))
    return found


def spread_mixtures(problem: Problem, tried: Tried, size: int, n: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Up to `n` new mixtures (K) that lie far apart, the baseline mixture first; on a pool they are random ones.

    The others are chosen among `4 * n` random ones by greedy maximin distance between the cube roots of the weights.
    """
    if problem.pool is not None:
        return random_mixtures(problem, tried, size, n, rng)
    candidates = np.concatenate([problem.prior[None], sample(problem, 4 * n, rng)])
    roots = np.cbrt(np.maximum(candidates, 0))
    order = [0]
    distance = np.linalg.norm(roots - roots[0], axis=1)
    while len(order) < len(candidates):
        distance[order] = -1.0
        order.append(int(distance.argmax()))
        distance = np.minimum(distance, np.linalg.norm(roots - roots[order[-1]], axis=1))
    found = tried.take_new(candidates[order], size, n)
    return found + random_mixtures(problem, tried, size, n - len(found), rng)
