"""Decide the next trial from the scores so far. A library of its own: problems, observations, and methods that spend a budget.

    from admire.optimize import Admire, CappedSimplex, Fidelities, Objective, Observations, Pending, Problem

    space = CappedSimplex(("web", "code"), np.array([1.0, 0.5]))
    problem = Problem(
        space=space,
        fidelities=Fidelities(("small", "large"), costs=(1.0, 8.0), target=1),
        objective=Objective(("loss",), np.array([-1.0])),
        prior=space.fill(np.ones(2)),
        totals=(10_000, 10_000),
    )
    seen = Observations(X=mixtures, size=sizes, Y=losses, cost=costs)
    wanted = Admire().propose(problem, seen, Pending.none(problem), q=1, budget=20.0, rng=np.random.default_rng(0))

Each name is imported at its first use, because methods import PyTorch and everything else only NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from admire.optimize.admire import Admire
    from admire.optimize.problem import (
        Method,
        Objective,
        Observations,
        Pending,
        Problem,
        Proposal,
        Recommendation,
    )
    from admire.optimize.registry import METHODS, build
    from admire.space.fidelities import Fidelities
    from admire.space.simplex import CappedSimplex

__all__ = [
    "METHODS",
    "Admire",
    "CappedSimplex",
    "Fidelities",
    "Method",
    "Objective",
    "Observations",
    "Pending",
    "Problem",
    "Proposal",
    "Recommendation",
    "build",
]
_HOMES = {
    "Admire": "admire.optimize.admire",
    "METHODS": "admire.optimize.registry",
    "build": "admire.optimize.registry",
    "CappedSimplex": "admire.space.simplex",
    "Fidelities": "admire.space.fidelities",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, "admire.optimize.problem")), name)
