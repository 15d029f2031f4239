"""Random search at the target size: the baseline that a method must beat."""

from __future__ import annotations

import numpy as np

from admire.optimize.problem import Observations, Pending, Problem, Proposal, Recommendation
from admire.optimize.tried import Tried, random_mixtures
from admire.space.money import affordable


class Random:
    """Random mixtures at the target; recommends the best observed there, and the baseline mixture while there is none."""

    def propose(
        self, problem: Problem, seen: Observations, pending: Pending, *, q: int, budget: float, rng: np.random.Generator
    ) -> list[Proposal]:
        """Up to `q` mixtures drawn like ADMIRE's initial design."""
        target = problem.fidelities.target
        n = min(q, affordable(budget, problem.fidelities.costs[target]))
        mixtures = random_mixtures(problem, Tried(problem, seen, pending), target, n, rng)
        return [Proposal(weights, target, why="a random mixture at the target size") for weights in mixtures]

    def recommend(self, problem: Problem, seen: Observations) -> Recommendation:
        """The mixture with the best observed objective at the target; the baseline mixture while there is none."""
        target = problem.fidelities.target
        values = np.where(seen.size == target, problem.objective(seen.Y), np.nan)
        name = problem.fidelities.names[target]
        count = int(np.isfinite(values).sum())
        if not count:
            return Recommendation(problem.prior, how=f"the baseline mixture: no mixture has been scored at {name} yet")
        best = seen.X[int(np.nanargmax(values))]
        return Recommendation(
            best, how=f"the best observed of {count} random mixtures at {name}; its score is flattered by noise"
        )
