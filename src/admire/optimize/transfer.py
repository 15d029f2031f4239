"""Zero-shot transfer: a method that sees one model size only, and recommends for the target what is best there
(arXiv 2508.11551, figure 5)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from admire.errors import ConfigError
from admire.optimize.problem import Method, Observations, Pending, Problem, Proposal, Recommendation
from admire.space.fidelities import Fidelities


class Transfer:
    """`method` on a problem that ends at one size.

    Args:
        method: any other.
        size: label of the size.
    """

    def __init__(self, method: Method, size: str) -> None:
        self.method, self.size = method, size

    def propose(
        self, problem: Problem, seen: Observations, pending: Pending, *, q: int, budget: float, rng: np.random.Generator
    ) -> list[Proposal]:
        """What the method proposes at that size."""
        own, at = self._own(problem)
        wanted = self.method.propose(own, _at(seen, at), _waiting(pending, at), q=q, budget=budget, rng=rng)
        return [replace(proposal, size=at) for proposal in wanted]

    def recommend(self, problem: Problem, seen: Observations) -> Recommendation:
        """What the method recommends for that size; its prediction says nothing about the target's score."""
        own, at = self._own(problem)
        if problem.pool is not None:
            # what can be recommended is what the target can be trained on
            own = replace(own, pool=(problem.pool[problem.fidelities.target],))
        found = self.method.recommend(own, _at(seen, at))
        return Recommendation(found.weights, how=f"{found.how}; carried over from {self.size}")

    def _own(self, problem: Problem) -> tuple[Problem, int]:
        names = problem.fidelities.names
        if self.size not in names:
            raise ConfigError(f"transfer@{self.size}: there is no such size; the sizes are {', '.join(names)}")
        at = names.index(self.size)
        own = replace(
            problem,
            fidelities=Fidelities((self.size,), (problem.fidelities.costs[at],), 0),
            totals=(problem.totals[at],),
            pool=None if problem.pool is None else (problem.pool[at],),
        )
        return own, at


def _at(seen: Observations, size: int) -> Observations:
    """The trials of one size, as a problem with one size sees them."""
    rows = seen.size == size
    parts = {name: getattr(seen, name)[rows] for name in ("X", "Y", "cost", "stderr", "replicate", "learned")}
    return Observations(size=np.zeros(rows.sum(), dtype=int), **parts)


def _waiting(pending: Pending, size: int) -> Pending:
    rows = pending.size == size
    return Pending(pending.X[rows], np.zeros(rows.sum(), dtype=int))
