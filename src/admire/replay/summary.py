"""From runs to tables: a row a method, curves of regret over cost, every purchase."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from admire.replay.benchmark import Run

GRID = 120  # points of a curve
Z90 = 1.645


def purchases(runs: Sequence[Run]) -> pd.DataFrame:
    """Every purchase of every seed: method, seed, step, cost so far, size, row."""
    lines = [(run.method, run.seed, *bought) for run in runs for bought in run.trace.bought]
    return pd.DataFrame(lines, columns=["method", "seed", "step", "cost", "size", "row"])


def curves(runs: Sequence[Run], costs: np.ndarray) -> pd.DataFrame:
    """Mean regret, a method and cost: of the current recommendation, and of the best observed row.

    Args:
        costs: c costs to read the regret at; what was recommended last holds until the next decision.
    """
    lines = []
    for method in dict.fromkeys(run.method for run in runs):
        mine = [run for run in runs if run.method == method]
        recommended, observed = (np.array([regret_at(run, costs, column) for run in mine]) for column in (3, 4))
        for i, cost in enumerate(costs):
            lines.append((method, cost, *_mean(recommended[:, i]), *_mean(observed[:, i])))
    names = ["regret_mean", "regret_se", "observed_regret_mean", "observed_regret_se"]
    return pd.DataFrame(lines, columns=["method", "cost", *names])


def summary(runs: Sequence[Run], marks: Sequence[float]) -> pd.DataFrame:
    """A row a method; the columns are explained in docs/method.md.

    Args:
        marks: costs at which regret is told.
    """
    lines = []
    for method in dict.fromkeys(run.method for run in runs):
        traces = [run.trace for run in runs if run.method == method]
        line: dict[str, object] = {"method": method, "seeds": len(traces)}
        observed, recommended, cumulative = (
            np.array([getattr(trace, name) for trace in traces]) for name in ("observed", "recommended", "cumulative")
        )
        line["found_share"] = np.isfinite(observed).mean()
        line |= _statistics("cost_observed", observed)
        line |= _statistics("cost_recommended", recommended)
        line["recommended_share"] = np.isfinite(recommended).mean()
        for column, label in ((3, "regret"), (4, "observed_regret")):
            for mark in marks:
                values = np.array([regret_at(run, np.array([mark]), column)[0] for run in runs if run.method == method])
                line[f"{label}_at_{mark:g}"], line[f"{label}_at_{mark:g}_se"] = _mean(values)
        line["paper_cumulative_best_mean"] = _mean(cumulative[np.isfinite(cumulative)])[0]
        line["seconds_per_run"] = np.mean([trace.seconds for trace in traces])
        lines.append(line)
    return pd.DataFrame(lines)


def regret_at(run: Run, costs: np.ndarray, column: int) -> np.ndarray:
    """Regret (c) that held at `costs` (c), of the recommendation (column 3) or of the best observed row (4)."""
    steps = run.trace.steps
    place = np.searchsorted([step[1] for step in steps], costs + 1e-9, side="right") - 1
    return np.array([steps[i][column] for i in place], dtype=float)


def grid(runs: Sequence[Run]) -> np.ndarray:
    """Costs for curves: from the first purchase to the last, evenly spaced on a logarithm."""
    ends = [bought[1] for run in runs for bought in run.trace.bought]
    first = min(run.trace.bought[0][1] for run in runs if run.trace.bought)
    return np.geomspace(first, max(ends), GRID) if ends else np.zeros(1)


def _statistics(name: str, values: np.ndarray) -> dict[str, float]:
    """Mean, standard error and median over the seeds that have a value."""
    found = values[np.isfinite(values)]
    mean, se = _mean(found)
    return {f"{name}_mean": mean, f"{name}_se": se, f"{name}_median": float(np.median(found)) if len(found) else np.nan}


def _mean(values: np.ndarray) -> tuple[float, float]:
    """Mean and its standard error; NaN where there is none."""
    if not len(values):
        return np.nan, np.nan
    se = float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan
    return float(values.mean()), se
