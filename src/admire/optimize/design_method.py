"""A design: every mixture decided before any is trained, for data to learn from rather than for a search.

Mixtures are Dirichlet draws around the prior. A larger size trains the first of those that a smaller size trains, so that
what sizes say of the same mixture can be compared (as the ADMIRE IFT Runs do, arXiv 2508.11551, section 5).
"""

from __future__ import annotations

import numpy as np

from admire.errors import ConfigError
from admire.optimize.admire import Admire
from admire.optimize.problem import Observations, Pending, Problem, Proposal
from admire.optimize.tried import REDRAWS
from admire.space import money
from admire.space.counts import exact_counts


class NestedDesign(Admire):
    """The design at once, nothing after it; recommends what ADMIRE's model makes of its outcomes."""

    def propose(
        self, problem: Problem, seen: Observations, pending: Pending, *, q: int, budget: float, rng: np.random.Generator
    ) -> list[Proposal]:
        """All trials that the budget buys when nothing was tried, the cheapest size first.

        Raises:
            ConfigError: if the sources hold fewer mixtures than are asked for.
        """
        if seen.n or len(pending.X):
            return []
        assert problem.design is not None
        counts, concentration = problem.design
        mixtures = _distinct(problem, max(counts), concentration, rng)
        names, costs = problem.fidelities.names, problem.fidelities.costs
        wanted = [
            Proposal(weights, size, why=f"mixture {i + 1} of {n} at {names[size]}, drawn around the prior")
            for size, n in enumerate(counts)
            for i, weights in enumerate(mixtures[:n])
        ]
        bought = []
        for proposal in wanted:
            if not money.buys(budget, costs[proposal.size]):
                break
            bought.append(proposal)
            budget = money.left(budget, costs[proposal.size])
        return bought


def _distinct(problem: Problem, n: int, concentration: float, rng: np.random.Generator) -> list[np.ndarray]:
    """`n` mixtures (K) around the prior whose counts differ at every size."""
    fewest = min(problem.totals)
    found: dict[bytes, np.ndarray] = {}
    for _ in range(REDRAWS):
        for weights in problem.space.sample(n - len(found), rng, concentration * problem.prior):
            found.setdefault(exact_counts(weights, fewest).tobytes(), weights)
        if len(found) == n:
            return list(found.values())
    raise ConfigError(
        f"optimizer.design.trials: only {len(found)} of {n} mixtures differ; ask for fewer, or lower "
        "optimizer.design.concentration"
    )
