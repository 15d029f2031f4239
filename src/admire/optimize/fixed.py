"""Methods without a search: they recommend the baseline mixture or the uniform one, and spend nothing."""

from __future__ import annotations

import numpy as np

from admire.optimize.problem import Observations, Pending, Problem, Proposal, Recommendation


class Prior:
    """Recommends the campaign's baseline mixture."""

    def propose(
        self, problem: Problem, seen: Observations, pending: Pending, *, q: int, budget: float, rng: np.random.Generator
    ) -> list[Proposal]:
        """No trials."""
        return []

    def recommend(self, problem: Problem, seen: Observations) -> Recommendation:
        """The baseline mixture."""
        return Recommendation(problem.prior, how="the baseline mixture, whatever was seen")


class Uniform(Prior):
    """Recommends the same weight for every source, as far as the caps allow it."""

    def recommend(self, problem: Problem, seen: Observations) -> Recommendation:
        """The uniform mixture."""
        uniform = problem.space.fill(np.ones(problem.space.k))
        return Recommendation(uniform, how="the uniform mixture, whatever was seen")
