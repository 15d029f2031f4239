"""Synthetic tables, drawn from a model of a real one, so that true scores are known and regret is true regret.

In real tables the best row is best partly by luck. There are two generators: posterior draws of Gaussian processes over mixture
and size, which is the optimiser's own kind of model, and boosted trees on bootstrapped runs, which is a different one. Both add
fresh noise, whose variance they estimate from the table.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from admire.errors import TableError
from admire.optimize.problem import Objective, Observations, Problem
from admire.replay.table import Table
from admire.space.fidelities import Fidelities
from admire.space.simplex import CappedSimplex

if TYPE_CHECKING:
    from lightgbm import Booster

TREES = {"objective": "regression", "learning_rate": 0.05, "num_leaves": 15, "min_data_in_leaf": 5, "verbosity": -1}
ROUNDS = 150
FOLDS = 5


def draw(table: Table, kind: str, rng: np.random.Generator) -> tuple[Table, np.ndarray]:
    """A table with the same mixtures and synthetic scores.

    Args:
        kind: `gp` or `trees`.

    Returns:
        The table as it would be observed, and the target's true scores (n x m).
    """
    truth, noise = (_from_processes if kind == "gp" else _from_trees)(_Cached(table), rng)
    Y = tuple(f + sd * rng.normal(size=f.shape) for f, sd in zip(truth, noise, strict=True))
    return replace(table, Y=Y), truth[table.target]


class _Cached:
    """A table as a key of a cache; two are equal if their mixtures and scores are."""

    def __init__(self, table: Table) -> None:
        self.table = table
        content = hashlib.sha256()
        for part in (*table.X, *table.Y):
            content.update(np.ascontiguousarray(part).tobytes())
        self.content = content.digest()

    def __hash__(self) -> int:
        return hash(self.content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Cached) and self.content == other.content


def _from_processes(key: _Cached, rng: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """A joint posterior draw of all metrics at all rows and sizes: M arrays (n_s x m) of true scores, M arrays (m) of noise sd."""
    mean, factors, noise = _posterior(key)
    drawn = mean + np.einsum("pij,pj->pi", factors, rng.normal(size=mean.shape))
    ends = np.cumsum([len(x) for x in key.table.X])[:-1]
    return np.split(drawn.T, ends), list(noise)


@lru_cache(maxsize=1)
def _posterior(key: _Cached) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (m x N), a square root of the covariance (m x N x N) and noise sd (M x m), in the metrics' own units."""
    import torch

    from admire.optimize.surrogates.gaussian_process import GaussianProcesses

    table = key.table
    size = np.repeat(np.arange(len(table.sizes)), [len(x) for x in table.X])
    surrogate = GaussianProcesses.fit(_problem(table), _observations(table, size))
    if surrogate is None:
        raise TableError("a metric of the table stands in none of its rows; take its column out")
    with torch.no_grad():
        mean, covariance = surrogate.standardised(surrogate.X)
        noise = surrogate.processes.noise.sqrt().numpy()
    location, scale = (np.stack([getattr(s, name) for s in surrogate.scalings]) for name in ("location", "scale"))
    values, vectors = np.linalg.eigh(covariance.numpy())
    root = vectors * np.sqrt(np.maximum(values, 0))[:, None, :]
    return location[:, size] + scale[:, size] * mean.numpy(), scale[:, size, None] * root, (scale * noise).T


def _from_trees(key: _Cached, rng: np.random.Generator) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Predictions of trees that are fitted to bootstrapped runs, per size and metric: M arrays (n_s x m) of true scores, and M
    arrays (m) of noise sd, which are the trees' held-out errors."""
    truth, noise = [], []
    for X, Y, errors in zip(key.table.X, key.table.Y, _held_out_errors(key), strict=True):
        rows = rng.integers(len(X), size=len(X))
        truth.append(np.stack([np.asarray(_trees(X[rows], y[rows]).predict(X)) for y in Y.T], 1))
        noise.append(errors)
    return truth, noise


@lru_cache(maxsize=1)
def _held_out_errors(key: _Cached) -> list[np.ndarray]:
    """Root mean squared errors (m per size) of trees on held-out runs; they overstate the noise by the error of the trees."""
    found = []
    for X, Y in zip(key.table.X, key.table.Y, strict=True):
        fold = np.arange(len(X)) % FOLDS
        errors = np.zeros_like(Y)
        for f in range(FOLDS):
            for j, y in enumerate(Y.T):
                errors[fold == f, j] = y[fold == f] - np.asarray(
                    _trees(X[fold != f], y[fold != f]).predict(X[fold == f])
                )
        found.append(np.sqrt((errors**2).mean(0)))
    return found


def _trees(X: np.ndarray, y: np.ndarray) -> Booster:
    from lightgbm import Dataset, train

    return train({**TREES, "num_threads": 1, "seed": 0, "deterministic": True}, Dataset(X, y), ROUNDS)


def _problem(table: Table) -> Problem:
    """A problem whose objective has all metrics, so that each gets a process."""
    space = CappedSimplex(table.sources, np.ones(len(table.sources)))
    return Problem(
        space=space,
        fidelities=Fidelities(table.sizes, table.costs, table.target),
        objective=Objective(table.metrics, np.ones(len(table.metrics))),
        prior=space.fill(np.ones(space.k)),
        totals=(1,) * len(table.sizes),
    )


def _observations(table: Table, size: np.ndarray) -> Observations:
    n = len(size)
    return Observations(
        X=np.concatenate(table.X),
        size=size,
        Y=np.concatenate(table.Y),
        stderr=np.concatenate(table.stderr),
        cost=np.asarray(table.costs)[size],
        replicate=np.zeros(n, dtype=int),
    )
