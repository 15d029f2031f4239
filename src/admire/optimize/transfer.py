"""Zero-shot transfer: a method sees one model size only, and its recommendation for that size is used for the target
(arXiv 2508.11551, figure 5)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from admire.errors import ConfigError
from admire.optimize.problem import Method, Observations, Pending, Problem, Proposal, Recommendation
from admire.space.fidelities import Fidelities


class Transfer:
    """Runs another method on a problem whose only size, and target, is `size`.

    Args:
        method: the method that proposes and recommends.
        size: name of the size.
    """

    def __init__(self, method: Method, size: str) -> None:
        self.method, self.size = method, size

    def propose(
        self, problem: Problem, seen: Observations, pending: Pending, *, q: int, budget: float, rng: np.random.Generator
    ) -> list[Proposal]:
        """The trials that the method proposes at that size.

        Raises:
            ConfigError: if the problem has no such size.
        """
        own, at = self._own(problem)
        wanted = self.method.propose(own, _at(seen, at), _waiting(pending, at), q=q, budget=budget, rng=rng)
        return [replace(proposal, size=at) for proposal in wanted]

    def recommend(self, problem: Problem, seen: Observations) -> Recommendation:
        """The mixture that the method recommends for that size, without its prediction, which is not of the target's score.

        Raises:
            ConfigError: if the problem has no such size.
        """
        own, at = self._own(problem)
        if problem.pool is not None:
            # Only a mixture that the target was trained on can be recommended.
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
    """The trials of one size, with the index that the size has in a problem of one size, 0."""
    rows = seen.size == size
    parts = {name: getattr(seen, name)[rows] for name in ("X", "Y", "cost", "stderr", "replicate", "learned")}
    return Observations(size=np.zeros(rows.sum(), dtype=int), **parts)


def _waiting(pending: Pending, size: int) -> Pending:
    rows = pending.size == size
    return Pending(pending.X[rows], np.zeros(rows.sum(), dtype=int))
