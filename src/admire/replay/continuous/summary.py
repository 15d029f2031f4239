"""Tables of finished runs in the continuous space: one line per method and mark, one line per method, and all purchases."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from admire.replay.continuous.side_by_side import Run
from admire.replay.continuous.world import World

Z90 = float(norm.ppf(0.95))  # half the width of a 90 % interval, in standard deviations
ROUNDING = 1e-6  # values that differ by less than this many standard deviations over mixtures are the same
MEANS = ("regret_sd", "regret", "optimism")  # have a standard error
SHARES = ("worse", "covered")  # shares of the seeds
KEYS = ["method", "mark"]


def purchases(runs: Sequence[Run]) -> pd.DataFrame:
    """Every trial of every seed: method, seed, step, cost so far, size, and the objective that was observed."""
    lines = [(run.method, run.seed, *bought) for run in runs for bought in run.trace.bought]
    return pd.DataFrame(lines, columns=["method", "seed", "step", "cost", "size", "observed"])


def moments(runs: Sequence[Run], world: World) -> pd.DataFrame:
    """One line per run and mark, with NaN where a method predicts nothing.

    Columns: `regret` in the objective's units and `regret_sd` in standard deviations over mixtures; `worse`, whether the
    recommendation is truly worse than the baseline mixture; `optimism`, predicted minus true in predicted standard deviations;
    `covered`, whether the 90 % interval contains the truth; and the numbers of finished trials per size.
    """
    names = world.problem.fidelities.names
    lines = []
    for run in runs:
        for moment in run.trace.moments:
            regret = max(world.best - moment.true, 0.0)
            line: dict[str, object] = {"method": run.method, "seed": run.seed, "mark": moment.mark}
            line |= {"regret": regret, "regret_sd": regret / world.spread}
            line["worse"] = float(moment.true < world.baseline - ROUNDING * world.spread)
            line["optimism"], line["covered"] = np.nan, np.nan
            if moment.mean is not None and moment.low is not None and moment.high is not None:
                sd = max((moment.high - moment.low) / (2 * Z90), ROUNDING * world.spread)
                line["optimism"] = (moment.mean - moment.true) / sd
                line["covered"] = float(moment.low <= moment.true <= moment.high)
            line |= {f"trials_{name}": n for name, n in zip(names, moment.trials, strict=True)}
            lines.append(line)
    return pd.DataFrame(lines)


def passed(runs: Sequence[Run], world: World) -> float:
    """By how many standard deviations over mixtures the best recommendation passes the best mixture that was found; else 0."""
    most = max((moment.true for run in runs for moment in run.trace.moments), default=world.best)
    return max((most - world.best) / world.spread, 0.0)


def curves(runs: Sequence[Run], world: World) -> pd.DataFrame:
    """Means over seeds, one line per method and mark, with standard errors of regret and self-optimism."""
    groups = moments(runs, world).groupby(KEYS, sort=False)
    parts = [groups.size().rename("seeds")]
    for name in MEANS:
        parts += [groups[name].mean().rename(f"{name}_mean"), groups[name].sem().rename(f"{name}_se")]
    parts += [groups[name].mean().rename(f"{name}_share") for name in SHARES]
    for name in world.problem.fidelities.names:
        parts.append(groups[f"trials_{name}"].mean())
    return pd.concat(parts, axis=1).reset_index()


def summary(runs: Sequence[Run], world: World) -> pd.DataFrame:
    """One line per method; docs/replay.md explains the columns."""
    found = curves(runs, world)
    lines = []
    for method, mine in found.groupby("method", sort=False):
        traces = [run.trace for run in runs if run.method == method]
        line: dict[str, object] = {"method": method, "seeds": len(traces)}
        line["baseline_regret_sd"] = world.baseline_regret_sd
        line["baseline_regret"] = world.best - world.baseline
        for name in MEANS:
            for mark, mean, se in zip(mine["mark"], mine[f"{name}_mean"], mine[f"{name}_se"], strict=True):
                line[f"{name}_at_{mark:g}"], line[f"{name}_at_{mark:g}_se"] = mean, se
        for name in SHARES:
            for mark, share in zip(mine["mark"], mine[f"{name}_share"], strict=True):
                line[f"{name}_at_{mark:g}"] = share
        for name in world.problem.fidelities.names:
            line[f"trials_{name}"] = mine[f"trials_{name}"].iloc[-1]
        line["seconds_per_run"] = float(np.mean([trace.seconds for trace in traces]))
        lines.append(line)
    return pd.DataFrame(lines)
