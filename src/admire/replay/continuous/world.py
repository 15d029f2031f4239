"""The problem in the continuous space: emulators of a table, the truth and the noise that they give, and the best mixture."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.stats import spearmanr
from threadpoolctl import threadpool_limits

from admire.data.parallel import in_order
from admire.errors import TableError
from admire.optimize.problem import Objective, Problem
from admire.replay.continuous.families import Predict
from admire.replay.continuous.joint import FEWEST, Metric, Runs, fit_metric
from admire.replay.continuous.optimum import best_mixture
from admire.replay.instance import FEWEST as FEWEST_INITIAL
from admire.replay.instance import INITIAL_COST, MOST
from admire.replay.table import Table
from admire.space.counts import exact_counts
from admire.space.fidelities import Fidelities
from admire.space.simplex import CappedSimplex

TOTAL = 200_000  # rows per trial: scores are those of the mixture of exact counts
ROOM = 1.2  # the caps sum at least to this
DRAWN = (
    4000,
    4000,
    2000,
)  # random mixtures: uniform, around the baseline mixture, and near the corners (of this concentration:)
CORNERS = 0.3
SEED = 7  # of everything that belongs to the problem, which is the same for all seeds of a replay
SEED_OF_OTHERS = 5  # the stream that draws whose scores a mixture gets (`independent`)

Progress = Callable[[Iterator[Metric], int], Iterable[Metric]]


@dataclass(frozen=True)
class ContinuousConfig:
    """How the problem is made from a table, and how it is played.

    Args:
        objective: names as in `Table.objective`.
        emulator: a name of `families.FAMILIES`.
        mislead: change of the smaller sizes' scores: None, `negated` (mirrored at their mean over random mixtures) or
            `independent` (every mixture gets the scores of another one).
        lanes: number of trials in flight at once.
    """

    objective: str
    emulator: str = "joint-gp"
    mislead: str | None = None
    lanes: int = 1


@dataclass(frozen=True)
class World:
    """The problem and the truth behind it.

    Args:
        problem: the problem as the method sees it, with the m metrics of the objective.
        emulators: M tuples of m functions: the truth.
        noise: M x m standard deviations that are added to the truth of a trial.
        stderr: M x m standard errors that trials report, NaN where the table reports none.
        mislead: as in `ContinuousConfig`.
        random: R x K random mixtures.
        centre: M x m means of the truth over the random mixtures.
        best, baseline: objective at the target of the best mixture, and of the baseline mixture.
        spread: standard deviation of the objective at the target over the random mixtures.
        agreement: M rank correlations of sizes with the target over the random mixtures, before sizes are made to mislead.
    """

    problem: Problem
    emulators: tuple[tuple[Predict, ...], ...]
    noise: np.ndarray
    stderr: np.ndarray
    mislead: str | None
    random: np.ndarray
    centre: np.ndarray
    best: float
    baseline: float
    spread: float
    agreement: tuple[float, ...]

    @property
    def baseline_regret_sd(self) -> float:
        """Regret of the baseline mixture in standard deviations over mixtures."""
        return (self.best - self.baseline) / self.spread

    @property
    def objective_noise_sd(self) -> np.ndarray:
        """M standard deviations of a trial's noise in the objective, in those over mixtures at the target."""
        weights = self.problem.objective.normalised
        return np.asarray(np.sqrt((self.noise**2) @ weights**2) / self.spread)

    def truth(self, X: np.ndarray, size: int) -> np.ndarray:
        """True scores (n x m) of mixtures (n x K) at a size."""
        return _truth(self.emulators, X, size)

    def value(self, weights: np.ndarray) -> float:
        """True objective at the target of a mixture (K)."""
        return float(self.problem.objective(self.truth(weights[None], self.problem.fidelities.target))[0])

    def score(self, counts: np.ndarray, size: int, seed: int, noise: np.random.Generator) -> np.ndarray:
        """The scores (m) that a trial with these counts (K) returns.

        Args:
            seed: the replay's seed, which decides whose scores a mixture gets where sizes mislead.
            noise: the stream of the trials' noise.
        """
        X = (counts / counts.sum())[None]
        misled = self.mislead if size != self.problem.fidelities.target else None
        if misled == "independent":
            other = np.random.default_rng([seed, SEED_OF_OTHERS, *map(int, counts)]).integers(len(self.random))
            X = self.random[other][None]
        y = self.truth(X, size)[0]
        if misled == "negated":
            y = 2 * self.centre[size] - y
        return np.asarray(y + noise.normal(0.0, self.noise[size]))


def check_table(table: Table, objective: str) -> None:
    """Refuse a table from which no emulators can be fitted.

    Raises:
        TableError: if there is no such objective, or a metric of it has too few scores at a size.
    """
    for j in np.flatnonzero(table.objective(objective)):
        for size, (name, Y) in enumerate(zip(table.sizes, table.Y, strict=True)):
            fewest = FEWEST_INITIAL if size == 0 else FEWEST
            scored = int(np.isfinite(Y[:, j]).sum())
            if scored < fewest:
                raise TableError(
                    f"{table.name}: size '{name}' has {scored} scores of metric '{table.metrics[j]}', and an emulator needs "
                    f"{fewest} or more there; add runs, take this size's lines out, or leave the metric out of --objective"
                )


def make_world(table: Table, config: ContinuousConfig, cores: int = 1, progress: Progress | None = None) -> World:
    """Fit the emulators and find the best mixture; the same for every seed and number of processes.

    Args:
        cores: number of processes that fit emulators.
        progress: called with an iterator of the fitted metrics and with their number; yields the same.

    Raises:
        TableError: as `check_table` does.
    """
    check_table(table, config.objective)
    problem, used = _problem(table, config.objective)
    items = [_runs(table, j) for j in used]
    with threadpool_limits(1):
        found = in_order(partial(_fitter, config.emulator), items, min(cores, len(items)))
        metrics = list(progress(found, len(items)) if progress else found)
        emulators = tuple(zip(*(metric.emulators for metric in metrics), strict=True))
        return _with_optimum(table, config, problem, emulators, (_columns(metrics), _stderr(table, used)))


def _columns(metrics: list[Metric]) -> np.ndarray:
    """M x m standard deviations of noise."""
    return np.array([metric.noise for metric in metrics]).T


def _with_optimum(
    table: Table,
    config: ContinuousConfig,
    problem: Problem,
    emulators: tuple[tuple[Predict, ...], ...],
    errors: tuple[np.ndarray, np.ndarray],
) -> World:
    """The world, with all that random mixtures and a search tell of it.

    Args:
        errors: noise and standard errors, M x m each.
    """
    rng = np.random.default_rng(SEED)
    space, target, objective = problem.space, problem.fidelities.target, problem.objective
    near: tuple[np.ndarray | float, ...] = (1.0, space.k * problem.prior, CORNERS)
    random = np.concatenate([space.sample(n, rng, concentration=c) for n, c in zip(DRAWN, near, strict=True)])
    truths = [_truth(emulators, random, size) for size in range(target + 1)]
    values = [objective(truth) for truth in truths]
    starts = np.concatenate([random, problem.prior[None], space.project(table.X[target])])
    _, best = best_mixture(space, lambda X: objective(_truth(emulators, X, target)), starts, rng)
    return World(
        problem=problem,
        emulators=emulators,
        noise=errors[0],
        stderr=errors[1],
        mislead=config.mislead,
        random=random,
        centre=np.stack([truth.mean(0) for truth in truths]),
        best=best,
        baseline=float(objective(_truth(emulators, problem.prior[None], target))[0]),
        spread=_spread(values[target], table),
        agreement=tuple(float(spearmanr(value, values[target])[0]) for value in values),
    )


def _spread(values: np.ndarray, table: Table) -> float:
    """Standard deviation of the true objective.

    Raises:
        TableError: if the emulators find no difference between mixtures.
    """
    spread = float(values.std())
    if spread <= 1e-9 * max(1.0, float(abs(values).max())):
        raise TableError(
            f"{table.name}: emulators find no difference between mixtures at the target; take another objective"
        )
    return spread


def _truth(emulators: tuple[tuple[Predict, ...], ...], X: np.ndarray, size: int) -> np.ndarray:
    return np.stack([emulator(X) for emulator in emulators[size]], 1)


def _problem(table: Table, objective: str) -> tuple[Problem, np.ndarray]:
    """The problem of a table, and the indices of the metrics that its objective uses."""
    weights = table.objective(objective)
    used = np.flatnonzero(weights)
    everything = np.concatenate(table.X)
    k = len(table.sources)
    space = CappedSimplex(table.sources, np.minimum(np.maximum(everything.max(0), ROOM / k), 1.0))
    cost = table.costs[table.target] / table.costs[0]
    problem = Problem(
        space=space,
        fidelities=Fidelities(table.sizes, table.costs, table.target, table.shares),
        objective=Objective(tuple(table.metrics[j] for j in used), weights[used]),
        prior=space.fill(everything.mean(0)),
        totals=(TOTAL,) * len(table.sizes),
        initial=int(np.clip(INITIAL_COST * cost, FEWEST_INITIAL, MOST)),
    )
    return problem, used


def _runs(table: Table, j: int) -> Runs:
    """The runs that have a score of metric `j`."""
    scored = [np.isfinite(Y[:, j]) for Y in table.Y]
    return Runs(
        tuple(X[rows] for X, rows in zip(table.X, scored, strict=True)),
        tuple(Y[rows, j] for Y, rows in zip(table.Y, scored, strict=True)),
        SEED + int(j),
    )


def _stderr(table: Table, used: np.ndarray) -> np.ndarray:
    """Medians (M x m) of the reported standard errors; NaN where none is reported."""
    reported = [[part[np.isfinite(part[:, j]), j] for j in used] for part in table.stderr]
    return np.array([[float(np.median(one)) if len(one) else np.nan for one in size] for size in reported])


def _fitter(family: str) -> Callable[[Runs], Metric]:
    """The function that a process applies to each metric's runs."""
    threadpool_limits(1)
    return partial(fit_metric, family)


def mixture_counts(weights: np.ndarray) -> np.ndarray:
    """The exact counts (K) of a trial with these weights (K)."""
    return exact_counts(np.maximum(weights, 0.0), TOTAL)
