"""Mixtures that nobody searched for: the prior and the uniform one. They cost nothing and learn nothing."""

from __future__ import annotations

import numpy as np

from admire.optimize.problem import Observations, Pending, Problem, Proposal, Recommendation


class Prior:
    """The campaign's prior."""

    def propose(
        self, problem: Problem, seen: Observations, pending: Pending, *, q: int, budget: float, rng: np.random.Generator
    ) -> list[Proposal]:
        """Nothing."""
        return []

    def recommend(self, problem: Problem, seen: Observations) -> Recommendation:
        """The prior."""
        return Recommendation(problem.prior, how="the prior, whatever was seen")


class Uniform(Prior):
    """The same weight for every source, within the caps."""

    def recommend(self, problem: Problem, seen: Observations) -> Recommendation:
        """The uniform mixture."""
        uniform = problem.space.fill(np.ones(problem.space.k))
        return Recommendation(uniform, how="the uniform mixture, whatever was seen")
