"""One seed's problem: the rows that can be bought, the objective, and the scores that buying a row returns."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from admire.errors import TableError
from admire.optimize.problem import Objective, Problem
from admire.replay.table import Table
from admire.space.fidelities import Fidelities
from admire.space.simplex import CappedSimplex

TOTAL = 1_000_000  # rows per trial, for `Problem.totals`: mixtures that agree to six digits count as the same trial
# The initial design has as many trials as INITIAL_COST target runs pay for, but at least FEWEST and at most MOST.
INITIAL_COST, FEWEST, MOST = 3, 16, 64


@dataclass(frozen=True)
class ReplayConfig:
    """How problems are made from a table.

    Args:
        objective: names as in `Table.objective`.
        pool: rows of the target that can be bought: `paper` (the published study's), `random` (as many, drawn by seed) or `all`.
        metric_weights: `fixed` (equal), or `dirichlet`: drawn by seed, uniform on the simplex over the objective's metrics.
        mislead: change of the smaller sizes' scores: None, `negated` (mirrored at their mean) or `independent` (shuffled between
            mixtures).
        truth: None uses the table's scores; `gp` and `trees` replace them by draws from a model of the table, per seed, whose
            truth is known.
    """

    objective: str
    pool: str = "paper"
    metric_weights: str = "fixed"
    mislead: str | None = None
    truth: str | None = None


@dataclass(frozen=True)
class Instance:
    """One seed's problem.

    Args:
        problem: the problem as the method sees it.
        Y: M arrays (n_s x m) of the scores that buying the rows of `problem.pool` returns.
        stderr: M arrays (n_s x m) of standard errors, NaN where there is none.
        runs: M tuples of names of the pool's rows.
        truth: objective (n) of the target's rows, without noise if that is known, otherwise as observed.
    """

    problem: Problem
    Y: tuple[np.ndarray, ...]
    stderr: tuple[np.ndarray, ...]
    runs: tuple[tuple[str, ...], ...]
    truth: np.ndarray

    @property
    def pool(self) -> tuple[np.ndarray, ...]:
        """M arrays (n_s x K): the mixtures that can be bought."""
        if self.problem.pool is None:
            raise ValueError("the problem of a replay has no pool")
        return self.problem.pool

    @property
    def best(self) -> int:
        """Index of the best row in the target's pool; the first one of ties."""
        return int(self.truth.argmax())

    def row(self, weights: np.ndarray, size: int) -> int:
        """Index of the row in a size's pool whose mixture is nearest to `weights` (K)."""
        return int(abs(self.pool[size] - weights).max(1).argmin())


def make_instance(table: Table, config: ReplayConfig, seed: int) -> Instance:
    """The problem of one seed; the same for every method.

    Raises:
        TableError: if the pool has fewer than two rows with the objective, or the cheapest size fewer than an initial design.
    """
    if table.target > 0 and len(table.X[0]) < FEWEST:
        raise TableError(
            f"{table.name}: size '{table.sizes[0]}' has {len(table.X[0])} runs, and the initial design takes {FEWEST} or more "
            "at the cheapest size; add runs, or take this size's lines out"
        )
    rng = np.random.default_rng([seed, 1])
    weights = table.objective(config.objective)
    if config.metric_weights == "dirichlet":
        weights = np.where(weights != 0, np.sign(weights) * rng.dirichlet(np.ones(len(weights))), 0.0)
        weights /= abs(weights).sum()
    objective = Objective(table.metrics, weights)
    table, true = _with_truth(table, config.truth, rng)
    table = _misled(table, config.mislead, rng)
    chosen = [rng.permutation(len(x)) for x in table.X]
    chosen[table.target] = rng.permutation(_pool(table, config.pool, objective, rng))
    X, Y, stderr = (
        tuple(part[rows] for part, rows in zip(parts, chosen, strict=True))
        for parts in (table.X, table.Y, table.stderr)
    )
    space = CappedSimplex(table.sources, np.minimum(np.concatenate(table.X).max(0) * 1.0001, 1.0))
    problem = Problem(
        space=space,
        fidelities=Fidelities(table.sizes, table.costs, table.target, table.shares),
        objective=objective,
        prior=space.fill(np.concatenate(table.X).mean(0)),
        totals=(TOTAL,) * len(table.sizes),
        initial=int(np.clip(INITIAL_COST * table.costs[table.target] / table.costs[0], FEWEST, MOST)),
        pool=X,
    )
    runs = tuple(tuple(names[i] for i in rows) for names, rows in zip(table.runs, chosen, strict=True))
    return Instance(problem, Y, stderr, runs, objective(true[chosen[table.target]]))


def _pool(table: Table, kind: str, objective: Objective, rng: np.random.Generator) -> np.ndarray:
    """Indices of the target's rows that can be bought.

    Raises:
        TableError: if fewer than two of them have the whole objective.
    """
    n = len(table.X[table.target])
    size = n if kind == "all" or table.pool is None else table.pool
    rows = rng.permutation(n)[:size] if kind == "random" else np.arange(size)
    rows = rows[np.isfinite(objective(table.Y[table.target][rows]))]
    if len(rows) < 2:
        raise TableError(
            f"{table.name}: {len(rows)} of the target's rows have every metric of the objective; a pool needs two or more"
        )
    return rows


def _misled(table: Table, mislead: str | None, rng: np.random.Generator) -> Table:
    """The table with smaller sizes' scores mirrored or shuffled, so that they mislead or say nothing about the target."""
    if mislead is None:
        return table
    changed = [
        2 * np.nanmean(y, 0) - y if mislead == "negated" else y[rng.permutation(len(y))]
        for y in table.Y[: table.target]
    ]
    return replace(table, Y=(*changed, *table.Y[table.target :]))


def _with_truth(table: Table, kind: str | None, rng: np.random.Generator) -> tuple[Table, np.ndarray]:
    """The table as observed, and the true scores (n x m) of its target's rows."""
    if kind is None:
        return table, table.Y[table.target]
    from admire.replay.synthetic import draw

    return draw(table, kind, rng)
