"""Tables of finished runs: a summary with one row per method, curves of regret over cost, and all purchases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from admire.replay.side_by_side import Run

GRID = 120  # points per curve
ROUNDING = 1e-9  # tolerance for rounding errors in sums of costs


def purchases(runs: Sequence[Run]) -> pd.DataFrame:
    """Every purchase of every seed: method, seed, step, cost so far, size, row."""
    lines = [(run.method, run.seed, *bought) for run in runs for bought in run.trace.bought]
    return pd.DataFrame(lines, columns=["method", "seed", "step", "cost", "size", "row"])


def curves(runs: Sequence[Run], costs: np.ndarray, target: str) -> pd.DataFrame:
    """Mean regret of the current recommendation and of the best observed row, one line per method and cost.

    Regret of the best observed row is NaN until every seed has observed one.

    Args:
        costs: c costs at which the regret is read; a recommendation holds until the next one.
        target: name of the size that is recommended for.
    """
    lines = []
    for method in dict.fromkeys(run.method for run in runs):
        mine = [run for run in runs if run.method == method]
        recommended = np.array([regret_at(run, costs) for run in mine])
        observed = np.array([observed_regret_at(run, costs, target) for run in mine])
        for i, cost in enumerate(costs):
            lines.append((method, cost, *_mean(recommended[:, i]), *_mean(observed[:, i])))
    names = ["regret_mean", "regret_se", "observed_regret_mean", "observed_regret_se"]
    return pd.DataFrame(lines, columns=["method", "cost", *names])


def summary(runs: Sequence[Run], marks: Sequence[float], target: str) -> pd.DataFrame:
    """One row per method; docs/replay.md explains the columns.

    Args:
        marks: costs at which regret is reported.
        target: name of the size that is recommended for.
    """
    lines = []
    for method in dict.fromkeys(run.method for run in runs):
        mine = [run for run in runs if run.method == method]
        traces = [run.trace for run in mine]
        line: dict[str, object] = {"method": method, "seeds": len(traces)}
        observed, recommended, cumulative = (
            np.array([getattr(trace, name) for trace in traces]) for name in ("observed", "recommended", "cumulative")
        )
        line["found_share"] = np.isfinite(observed).mean()
        line |= _statistics("cost_observed", observed)
        line |= _statistics("cost_recommended", recommended)
        line["recommended_share"] = np.isfinite(recommended).mean()
        settled = np.array([settled_at(run) for run in mine])
        line |= _statistics("cost_settled", settled)
        line["settled_share"] = np.isfinite(settled).mean()
        costs = np.array(marks)
        regrets = {
            "regret": np.array([regret_at(run, costs) for run in mine]),
            "observed_regret": np.array([observed_regret_at(run, costs, target) for run in mine]),
        }
        for label, values in regrets.items():
            for mark, column in zip(marks, values.T, strict=True):
                line[f"{label}_at_{mark:g}"], line[f"{label}_at_{mark:g}_se"] = _mean(column)
        line["paper_cumulative_best_mean"] = _mean(cumulative[np.isfinite(cumulative)])[0]
        line["seconds_per_run"] = np.mean([trace.seconds for trace in traces])
        lines.append(line)
    return pd.DataFrame(lines)


def regret_at(run: Run, costs: np.ndarray) -> np.ndarray:
    """Regret (c) of the recommendation that held at `costs` (c)."""
    return _held(run, costs, 3)


def observed_regret_at(run: Run, costs: np.ndarray, target: str) -> np.ndarray:
    """Regret (c) of the best row observed up to `costs` (c); NaN where none was bought at the target yet."""
    first = next((cost for _, cost, size, _ in run.trace.bought if size == target), np.inf)
    return np.where(costs + ROUNDING < first, np.nan, _held(run, costs, 4))


def settled_at(run: Run) -> float:
    """The cost from which the recommendation stayed the best row to the end of the run; NaN if the last one was not."""
    found = np.nan
    for _, cost, _, regret, _ in reversed(run.trace.steps):
        if regret > ROUNDING:
            break
        found = cost
    return found


def _held(run: Run, costs: np.ndarray, column: int) -> np.ndarray:
    steps = run.trace.steps
    place = np.searchsorted([step[1] for step in steps], costs + ROUNDING, side="right") - 1
    return np.array([steps[i][column] for i in place], dtype=float)


def grid(runs: Sequence[Run]) -> np.ndarray:
    """`GRID` costs for curves, evenly spaced on a logarithm from the first purchase to the last; none if nothing was bought."""
    ends = [bought[1] for run in runs for bought in run.trace.bought]
    return np.geomspace(min(ends), max(ends), GRID) if ends else np.zeros(0)


def _statistics(name: str, values: np.ndarray) -> dict[str, float]:
    """Mean, standard error and median over the seeds that have a value."""
    found = values[np.isfinite(values)]
    mean, se = _mean(found)
    return {f"{name}_mean": mean, f"{name}_se": se, f"{name}_median": float(np.median(found)) if len(found) else np.nan}


def _mean(values: np.ndarray) -> tuple[float, float]:
    """Mean and its standard error (NaN with one value); both NaN if there is no value or one is NaN."""
    if not len(values):
        return np.nan, np.nan
    se = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan
    return float(values.mean()), se
