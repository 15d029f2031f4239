"""Problems on the capped simplex whose best mixture is known, with metrics at three sizes and fresh noise."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from admire.optimize.problem import Objective, Observations, Pending, Problem, Proposal
from admire.space.fidelities import Fidelities
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


def make_stopping_problem(sizes: int = 2, **settings) -> Problem:
    """The same, and a trial of each size may stop at a quarter or at half of its steps."""
    whole = make_problem(sizes=sizes, **settings)
    names, costs, steps = whole.fidelities.names, whole.fidelities.costs, (0.25, 0.5, 1.0)
    every = sorted((costs[model] * share, model, share) for model in range(sizes) for share in steps)
    prices, models, shares = zip(*every, strict=True)
    labels = tuple(f"{names[model]}@{share}" for _, model, share in every)
    levels = Fidelities(labels, prices, len(every) - 1, shares, models, kept=0.8)
    return replace(whole, fidelities=levels, totals=(whole.totals[0],) * len(every))


ELSEWHERE = 0.02  # what every source teaches about every other


@dataclass(frozen=True)
class World:
    """What trainings would return: each source is learnt with `-log(weight)`, as losses of language models roughly are.

    The sum of the losses, each source counted by how much it matters, is least at `best`. Smaller sizes have another level
    and other shares of the sources, and so have trainings that stop early.

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
        models, left = self.problem.fidelities.models, -np.log(self.problem.fidelities.shares[size])
        below = models[self.problem.fidelities.target] - models[size]
        tilt = 0.3 * below * np.cos(np.arange(k)) + 0.3 * left * np.sin(np.arange(k))
        matters = (self.best + ELSEWHERE) * np.exp(tilt)
        losses = -np.log(X + ELSEWHERE) * matters / matters.sum()
        sign = -1.0 if self.misleads and size == 0 else 1.0
        return 2.0 + 0.7 * below + 0.4 * left + sign * np.stack([losses[..., j::m].sum(-1) for j in range(m)], -1)

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
        return Observations(X, size, Y, np.array(self.problem.fidelities.costs)[size])


def nothing(problem: Problem) -> Observations:
    """No trial yet."""
    k, m = problem.space.k, len(problem.objective.metrics)
    return Observations(np.zeros((0, k)), np.zeros(0), np.zeros((0, m)), np.zeros(0))


def no_pending(problem: Problem) -> Pending:
    """Nothing on its way."""
    return Pending.none(problem)


def joined(first: Observations, second: Observations) -> Observations:
    """Trials of both."""
    names = ("X", "size", "Y", "cost", "stderr", "replicate")
    return Observations(*(np.concatenate([getattr(first, name), getattr(second, name)]) for name in names))


def reached(problem: Problem, seen: Observations, proposal: Proposal) -> float:
    """The largest share to which the mixture was trained at that model; it only grows."""
    models = np.array(problem.fidelities.models)
    same = (abs(seen.X - proposal.weights).max(1, initial=0) < 1e-9) & (seen.replicate == 0)
    same &= models[seen.size] == models[proposal.size]
    share = float(np.array(problem.fidelities.shares)[seen.size[same]].max(initial=0))
    assert share < problem.fidelities.shares[proposal.size]
    return share


def campaign(method, world: World, budget: float, seed: int, q: int = 1) -> Observations:
    """Spend `budget` as a real campaign does, a trial that goes on for the difference; every proposal is checked against the
    budget and the space."""
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
            if not proposal.repeat and proposal.reference is None:
                new.cost[i] = problem.fidelities.price(proposal.size, reached(problem, seen, proposal))
        assert problem.space.contains(X).all()
        assert new.cost.sum() <= left + 1e-9
        seen = joined(seen, new)
