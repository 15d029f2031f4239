"""DoReMi (Xie et al. 2023, arXiv:2305.10429): two trainings at the cheapest size, and the mixture that the second arrives at.

The first is an ordinary training on the prior, the reference. The second is trained on the uniform mixture by group
distributionally robust optimisation against it (`admire.train.doremi`). No score is looked at.
"""

from __future__ import annotations

import numpy as np

from admire.optimize.problem import Observations, Pending, Problem, Proposal, Recommendation
from admire.space.money import buys


class DoReMi:
    """Reference, proxy, recommendation: its own trainings decide, whatever the objective is."""

    def propose(
        self, problem: Problem, seen: Observations, pending: Pending, *, q: int, budget: float, rng: np.random.Generator
    ) -> list[Proposal]:
        """The reference; once it is trained the proxy; then nothing."""
        name = problem.fidelities.names[0]
        if len(pending.X) or not buys(budget, problem.fidelities.costs[0]):
            return []
        if not seen.n:
            return [Proposal(problem.prior, 0, why=f"the reference model of DoReMi: {name} on the prior")]
        if seen.n == 1 and np.isfinite(problem.objective(seen.Y[0])):
            why = f"the proxy of DoReMi: {name} on the uniform mixture, sources weighed by their excess loss"
            return [Proposal(problem.space.fill(np.ones(problem.space.k)), 0, why=why, reference=problem.prior)]
        return []

    def recommend(self, problem: Problem, seen: Observations) -> Recommendation:
        """The weights that the proxy arrived at, within the caps; the prior while it is not trained."""
        found = np.flatnonzero(np.isfinite(seen.learned).all(1))
        if not len(found):
            return Recommendation(problem.prior, how="the prior: the proxy of DoReMi is not trained")
        learned = seen.learned[found[-1]]
        mixture = problem.space.project(learned)[0]
        cut = "" if np.allclose(mixture, learned, atol=1e-6) else ", brought within the caps"
        return Recommendation(mixture, how=f"weights of DoReMi's proxy, averaged over its steps{cut}")
