"""A nested design: all mixtures are decided before any is trained. It collects data to learn from; it does not search.

Mixtures are Dirichlet draws around the baseline mixture. A larger size trains the first few of the mixtures that a smaller size
trains, so that the scores of the same mixture at different sizes can be compared (as in the ADMIRE IFT Runs, arXiv 2508.11551,
section 5).
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
    """Proposes the whole design at once and nothing afterwards; recommends as `Admire` does from the same trials."""

    def propose(
        self, problem: Problem, seen: Observations, pending: Pending, *, q: int, budget: float, rng: np.random.Generator
    ) -> list[Proposal]:
        """All trials of the design that the budget buys, the cheapest size first; none once any trial exists.

        Raises:
            ConfigError: if the sources allow fewer distinct mixtures than the design has.
        """
        if seen.n or len(pending.X):
            return []
        assert problem.design is not None
        counts, concentration = problem.design
        mixtures = _distinct(problem, max(counts), concentration, rng)
        names, costs = problem.fidelities.names, problem.fidelities.costs
        wanted = [
            Proposal(weights, size, why=f"mixture {i + 1} of {n} at {names[size]}, drawn around the baseline mixture")
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
    """`n` mixtures (K) around the baseline mixture whose exact counts differ at the size with the fewest rows.

    Raises:
        ConfigError: if `REDRAWS` rounds of draws do not yield as many.
    """
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
