"""DoReMi (Xie et al. 2023, arXiv:2305.10429): two trainings at the cheapest size; the second one learns the mixture.

The first training, the reference, is an ordinary one on the baseline mixture. The second, the proxy, starts from the uniform
mixture and reweighs its sources by group distributionally robust optimisation against the reference (`admire.train.doremi`).
Evaluation scores play no part.
"""

from __future__ import annotations

import numpy as np

from admire.optimize.problem import Observations, Pending, Problem, Proposal, Recommendation
from admire.space.money import buys


class DoReMi:
    """Proposes the reference, then the proxy, and recommends the proxy's weights; the objective has no influence on them."""

    def propose(
        self, problem: Problem, seen: Observations, pending: Pending, *, q: int, budget: float, rng: np.random.Generator
    ) -> list[Proposal]:
        """The reference first; the proxy once the reference has a score; nothing after that."""
        name = problem.fidelities.names[0]
        if len(pending.X) or not buys(budget, problem.fidelities.costs[0]):
            return []
        if not seen.n:
            return [Proposal(problem.prior, 0, why=f"the reference model of DoReMi: {name} on the baseline mixture")]
        if seen.n == 1 and np.isfinite(problem.objective(seen.Y[0])):
            why = f"the proxy of DoReMi: {name} on the uniform mixture, sources weighed by their excess loss"
            return [Proposal(problem.space.fill(np.ones(problem.space.k)), 0, why=why, reference=problem.prior)]
        return []

    def recommend(self, problem: Problem, seen: Observations) -> Recommendation:
        """The weights that the proxy learned, projected into the caps; the baseline mixture while no proxy is trained."""
        found = np.flatnonzero(np.isfinite(seen.learned).all(1))
        if not len(found):
            return Recommendation(problem.prior, how="the baseline mixture: the proxy of DoReMi is not trained")
        learned = seen.learned[found[-1]]
        mixture = problem.space.project(learned)[0]
        cut = "" if np.allclose(mixture, learned, atol=1e-6) else ", brought within the caps"
        return Recommendation(mixture, how=f"weights of DoReMi's proxy, averaged over its steps{cut}")
