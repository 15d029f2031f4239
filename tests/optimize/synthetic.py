"""Problems on the capped simplex whose best mixture is known, with metrics at three sizes and fresh noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from admire.optimize.problem import Objective, Observations, Pending, Problem
from admire.space.fidelity import Fidelities
from admire.space.simplex import CappedSimplex

COSTS = (0.25, 0.6, 1.6)


def make_problem(
    k: int = 4, m: int = 2, sizes: int = 3, caps=None, weights=None, initial: int = 8, total: int = 2000
) -> Problem:
    """K sources, m losses (lower is better unless `weights` say otherwise), the target last, the uniform prior."""
    space = CappedSimplex(
        tuple(f"s{i}" for i in range(k)), np.ones(k) if caps is None else np.asarray(caps, dtype=float)
    )
    return Problem(
        space=space,
        fidelities=Fidelities(tuple("SML"[3 - sizes :]), COSTS[3 - sizes :], sizes - 1),
        objective=Objective(
            tuple(f"loss{j}" for j in range(m)), -np.ones(m) if weights is None else np.asarray(weights, float)
        ),
        prior=space.fill(np.ones(k)),
        totals=(total,) * sizes,
        initial=initial,
        design=((4, 2, 1)[:sizes], float(k)),
    )


ELSEWHERE = 0.02  # what every source teaches about every other


@dataclass(frozen=True)
class World:
    """What trainings would return: each source is learnt with `-log(weight)`, as losses of language models roughly are.

    The sum of the losses, each source counted by how much it matters, is least at `best`. Smaller sizes have another level
    and other shares of the sources.

    Args:
        problem: with one metric, or with two that split the sources between them.
        best: K weights.
        misleads: the cheapest size has the losses' sign reversed.
        noise: standard deviation a metric.
    """

    problem: Problem
    best: np.ndarray
    misleads: bool = False
    noise: float = 0.01

    def truth(self, X: np.ndarray, size: int) -> np.ndarray:
        """Metrics without noise (n x m)."""
        k, m = self.problem.space.k, len(self.problem.objective.metrics)
        below = self.problem.fidelities.target - size
        matters = (self.best + ELSEWHERE) * np.exp(0.3 * below * np.cos(np.arange(k)))
        losses = -np.log(X + ELSEWHERE) * matters / matters.sum()
        sign = -1.0 if self.misleads and size == 0 else 1.0
        return 2.0 + 0.7 * below + sign * np.stack([losses[..., j::m].sum(-1) for j in range(m)], -1)

    def regret(self, x: np.ndarray) -> float:
        """What the target's true objective lacks at mixture `x` (K)."""
        target = self.problem.fidelities.target
        value, best = (self.problem.objective(self.truth(w, target)) for w in (x, self.best))
        return float(best - value)

    def train(self, X: np.ndarray, size: np.ndarray, rng: np.random.Generator) -> Observations:
        """Observations of trials at mixtures `X` (n x K) and sizes (n)."""
        n, m = len(X), len(self.problem.objective.metrics)
        Y = np.array([self.truth(x, s) for x, s in zip(X, size, strict=True)]).reshape(n, m)
        Y = Y + self.noise * rng.normal(size=Y.shape)
        costs = np.array([self.problem.fidelities.costs[s] for s in size])
        return Observations(
            X, np.column_stack([size, np.ones(n)]), Y, np.full((n, m), np.nan), costs, np.zeros(n, dtype=int)
        )


def nothing(problem: Problem) -> Observations:
    """No trial yet."""
    k, m = problem.space.k, len(problem.objective.metrics)
    return Observations(
        np.zeros((0, k)), np.zeros((0, 2)), np.zeros((0, m)), np.zeros((0, m)), np.zeros(0), np.zeros(0, dtype=int)
    )


def no_pending(problem: Problem) -> Pending:
    """Nothing on its way."""
    return Pending(np.zeros((0, problem.space.k)), np.zeros((0, 2)))


def joined(first: Observations, second: Observations) -> Observations:
    """Trials of both."""
    names = ("X", "fidelity", "Y", "stderr", "cost", "replicate")
    return Observations(*(np.concatenate([getattr(first, name), getattr(second, name)]) for name in names))


def campaign(method, world: World, budget: float, seed: int, q: int = 1) -> Observations:
    """Spend `budget` as a real campaign does; every proposal is checked against the budget and the space."""
    problem, rng = world.problem, np.random.default_rng(seed)
    seen = nothing(problem)
    while True:
        left = budget - seen.cost.sum()
        wanted = method.propose(problem, seen, no_pending(problem), q=q, budget=left, rng=rng)
        if not wanted:
            return seen
        X = np.array([proposal.weights for proposal in wanted])
        new = world.train(X, np.array([proposal.size for proposal in wanted]), rng)
        for i, proposal in enumerate(wanted):
            same = (abs(seen.X - proposal.weights).max(1, initial=0) < 1e-9) & (seen.size == proposal.size)
            new.replicate[i] = same.sum() if proposal.repeat else 0
        assert problem.space.contains(X).all()
        assert new.cost.sum() <= left + 1e-9
        seen = joined(seen, new)
