"""Calibration: how many held-out rows of the target lie inside the 90 % intervals that the model predicts from other rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures.process import BrokenProcessPool
from functools import partial

import pandas as pd

from admire.data.parallel import workers
from admire.errors import TableError
from admire.optimize.problem import Observations
from admire.optimize.surrogates.model_average import ModelAverage
from admire.replay.instance import Instance, ReplayConfig, make_instance
from admire.replay.side_by_side import WANT_OF_MEMORY, start_worker
from admire.replay.simulate import observations
from admire.replay.table import Table

FEWEST = 10  # the fewest rows in a pool; even with the largest of SHARES some are then held out
SHARES = (0.1, 0.2, 0.4, 0.7)  # fractions of the pool that the model sees


def coverage(table: Table, config: ReplayConfig, seeds: range, cores: int) -> Iterator[pd.DataFrame]:
    """Accuracy on held-out rows, one frame per seed: columns `seed, seen, coverage90, r2, width`, one line per number of rows seen.

    The model sees the initial design and the first `seen` rows of the pool, whose order the seed shuffles; the rest is held out.

    Raises:
        TableError: if the pool is too small to hold rows out, or a worker process was killed.
    """
    rows = len(make_instance(table, config, 0).truth)
    if rows < FEWEST:
        raise TableError(f"--calibration: {table.name} has {rows} rows at the target; {FEWEST} or more are needed")
    try:
        with workers(partial(_calibrator, table, config), cores) as submit:
            for lines in [submit(seed) for seed in seeds]:
                yield lines.result()
    except BrokenProcessPool as error:
        raise TableError(f"--calibration: a process was {error}, {WANT_OF_MEMORY}") from None


def summary(lines: pd.DataFrame) -> pd.DataFrame:
    """Means over seeds with standard errors, one line per number of the target's rows that were seen."""
    groups = lines.groupby("seen")[["coverage90", "r2", "width"]]
    mean, se = groups.mean(), groups.sem()
    return mean.join(se.add_suffix("_se")).reset_index()


def _calibrator(table: Table, config: ReplayConfig) -> Callable[[int], pd.DataFrame]:
    """The function that a worker process applies to each seed."""
    start_worker()
    return partial(_of_seed, table, config)


def _of_seed(table: Table, config: ReplayConfig, seed: int) -> pd.DataFrame:
    instance = make_instance(table, config, seed)
    n = len(instance.truth)
    lines = []
    for seen in dict.fromkeys(max(int(share * n), 2) for share in SHARES):
        lines.append({"seed": seed, "seen": seen, **_held_out(instance, _evidence(instance, seen), seen)})
    return pd.DataFrame(lines)


def _evidence(instance: Instance, seen: int) -> Observations:
    """The initial design at the cheapest size and the first `seen` rows of the target's pool."""
    target = instance.problem.fidelities.target
    cheap = [] if target == 0 else [(0, row) for row in range(min(instance.problem.initial, len(instance.Y[0])))]
    return observations(instance, [*cheap, *((target, row) for row in range(seen))])


def _held_out(instance: Instance, evidence: Observations, seen: int) -> dict[str, float]:
    target = instance.problem.fidelities.target
    average = ModelAverage.fit(instance.problem, evidence)
    if average is None:
        raise TableError("a metric of the objective stands in none of the rows that are seen first; leave it out")
    mean, sd = average.predict_observation(instance.pool[target][seen:], target)
    y = instance.problem.objective(instance.Y[target])[seen:]
    reach = average.z90(target) * sd
    return {
        "coverage90": float((abs(y - mean) <= reach).mean()),
        "r2": float(1 - ((y - mean) ** 2).sum() / ((y - y.mean()) ** 2).sum()),
        "width": float(2 * reach.mean()),
    }
