"""The initial design: well-spread mixtures at the cheapest size, decided at once before any model is fitted."""

from __future__ import annotations

import numpy as np

from admire.optimize.problem import Problem, Proposal
from admire.optimize.tried import Tried, spread_mixtures
from admire.space import money

LARGEST_FRACTION = 0.5  # the initial design takes at most this fraction of the budget


def initial_design(problem: Problem, tried: Tried, budget: float, rng: np.random.Generator) -> list[Proposal]:
    """The trials of the initial design."""
    n = initial_trials(problem, budget)
    why = f"initial design at the cheapest size, {problem.fidelities.names[0]}"
    return [Proposal(weights, 0, why=why) for weights in spread_mixtures(problem, tried, 0, n, rng)]


def initial_trials(problem: Problem, budget: float) -> int:
    """Number of trials in the initial design of a campaign whose exploration has `budget` in all.

    It is `problem.initial` (in a campaign the key `optimizer.initial`), or as many as half of the budget buys, but at least one
    while one can be afforded.
    """
    cost = problem.fidelities.costs[0]
    n = max(money.affordable(LARGEST_FRACTION * budget, cost), 1)
    return min(problem.initial, n) if money.buys(budget, cost) else 0
