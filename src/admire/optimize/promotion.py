"""Successive halving and Hyperband over fidelities: many mixtures at the cheapest, of which the best are promoted to the next.

Fidelities are model sizes and, where trials may stop early, fractions of their steps. Each promotion is decided from the trials
that are finished at that moment (ASHA, Li et al. 2020), so lanes never wait for a whole rung, the trials of one bracket at one
fidelity. A mixture's bracket is the cheapest fidelity at which it was trained.
"""

from __future__ import annotations

import numpy as np

from admire.optimize.problem import Observations, Pending, Problem, Proposal, Recommendation
from admire.optimize.random_search import Random
from admire.optimize.tried import Tried, offered, random_mixtures
from admire.space import money

ETA = 3  # one mixture in this many is promoted


class SuccessiveHalving:
    """One bracket: every mixture begins at the cheapest size."""

    hyperband = False

    def propose(
        self, problem: Problem, seen: Observations, pending: Pending, *, q: int, budget: float, rng: np.random.Generator
    ) -> list[Proposal]:
        """Up to `q` trials: promotions first, from the dearest size down; new random mixtures if there are none."""
        tried = Tried(problem, seen, pending)
        costs, names = problem.fidelities.costs, problem.fidelities.names
        proposals: list[Proposal] = []
        sizes = np.concatenate([seen.size, pending.size])
        while len(proposals) < q:
            found = self._promotion(problem, seen, tried, budget)
            if found is None:
                size = self._new_size(problem, sizes)
                mixtures = random_mixtures(problem, tried, size, int(money.buys(budget, costs[size])), rng)
                if not mixtures:
                    break
                found = Proposal(mixtures[0], size, why=f"a random mixture begins at {names[size]}")
            else:
                tried.add(found.weights, found.size)
            proposals.append(found)
            sizes = np.append(sizes, found.size)
            budget = money.left(budget, tried.price(found.weights, found.size))
        return proposals

    def recommend(self, problem: Problem, seen: Observations) -> Recommendation:
        """The best observed mixture at the dearest size that has a score; the baseline mixture while none has."""
        values = problem.objective(seen.Y)
        for size in range(problem.fidelities.target, -1, -1):
            here = np.where(seen.size == size, values, np.nan)
            if np.isfinite(here).any() and size != problem.fidelities.target:
                best = seen.X[int(np.nanargmax(here))]
                return Recommendation(best, how=f"the best observed at {problem.fidelities.names[size]}")
            if np.isfinite(here).any():
                return Random().recommend(problem, seen)
        return Recommendation(problem.prior, how="the baseline mixture: no mixture has been scored yet")

    def _promotion(self, problem: Problem, seen: Observations, tried: Tried, budget: float) -> Proposal | None:
        """The promotion of the best mixture in the best third of its rung that is not promoted yet; None if there is none."""
        values = problem.objective(seen.Y)
        bracket = _brackets(seen)
        for size in range(problem.fidelities.target - 1, -1, -1):
            for first in range(size + 1):
                rung = np.flatnonzero((seen.size == size) & (bracket == first) & np.isfinite(values))
                for i in rung[np.argsort(-values[rung], kind="stable")][: len(rung) // ETA]:
                    x = seen.X[i]
                    affordable = money.buys(budget, tried.price(x, size + 1))
                    if affordable and (x, size + 1) not in tried and offered(problem, x, size + 1):
                        up, here = problem.fidelities.names[size + 1], problem.fidelities.names[size]
                        return Proposal(x, size + 1, why=f"promoted to {up}: in the best third at {here}")
        return None

    def _new_size(self, problem: Problem, sizes: np.ndarray) -> int:
        """The size at which a new mixture begins: the cheapest, or for Hyperband the one that has spent least so far."""
        if not self.hyperband:
            return 0
        spent = [problem.fidelities.costs[s] * (sizes == s).sum() for s in range(problem.fidelities.target + 1)]
        return int(np.argmin(spent))


class Hyperband(SuccessiveHalving):
    """One bracket per size: the mixtures of a bracket begin at its size, and every bracket gets the same cost."""

    hyperband = True


def _brackets(seen: Observations) -> np.ndarray:
    """For each of n trials the cheapest size at which its mixture was trained."""
    keys = [x.round(9).tobytes() for x in seen.X]
    first: dict[bytes, int] = {}
    for key, size in zip(keys, seen.size, strict=True):
        first[key] = min(size, first.get(key, size))
    return np.array([first[key] for key in keys], dtype=int)
