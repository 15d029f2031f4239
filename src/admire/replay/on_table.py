"""Methods on a table of finished runs: what `admire replay` does, for Python.

table = regmix(Path("data/regmix"))
result = replay_on_table(table, ReplayConfig("mean"), ["admire", "random"], seeds=5)
print(result.summary())
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from admire.errors import TableError
from admire.optimize.registry import METHODS, check_name
from admire.replay import summary
from admire.replay.instance import Instance, ReplayConfig, make_instance
from admire.replay.kept_runs import KeptRuns
from admire.replay.side_by_side import Run, servable, simulate_all
from admire.replay.table import Table

Progress = Callable[[Iterator[Run], int], Iterable[Run]]


@dataclass(frozen=True)
class ReplayPlan:
    """A replay that can run: nothing has been simulated yet.

    Args:
        table: the finished runs.
        config: how a seed's problem is made of the table.
        methods: names of the methods that the table can serve, in the order asked for.
        skipped: one sentence for each method that it cannot serve.
        first: the problem of seed 0, to look at.
        budget: cost of everything bought in a run, at most, in the table's unit.
        until: cost up to which a run continues after the best row was observed, in the table's unit.
        kept: the finished runs of earlier replays of the same problem, and where new ones are added.
    """

    table: Table
    config: ReplayConfig
    methods: tuple[str, ...]
    skipped: tuple[str, ...]
    first: Instance
    budget: float
    until: float
    kept: KeptRuns

    def kept_runs(self) -> dict[tuple[str, int], Run]:
        """(method, seed) -> the run, of those that need not be simulated again."""
        return {(run.method, run.seed): run for run in self.kept.read()}


@dataclass(frozen=True)
class ReplayResult:
    """Finished runs of every method on every seed's problem, in that order."""

    plan: ReplayPlan
    runs: tuple[Run, ...]

    @property
    def _target(self) -> str:
        return self.plan.table.sizes[self.plan.table.target]

    def summary(self) -> pd.DataFrame:
        """One line per method: costs until the best row was observed and recommended, regret at the table's marks."""
        # beyond `until` runs that had found the best row have ended
        marks = [mark for mark in self.plan.table.marks if mark <= self.plan.until]
        return summary.summary(self.runs, marks, self._target)

    def curves(self) -> pd.DataFrame:
        """Regret of the current recommendation and of the best observed row over cost, per method."""
        return summary.curves(self.runs, summary.grid(self.runs), self._target)

    def purchases(self) -> pd.DataFrame:
        """The sizes that each method bought over cost."""
        return summary.purchases(self.runs)


def plan_replay(
    table: Table,
    config: ReplayConfig,
    methods: Sequence[str] | None = None,
    *,
    budget: float | None = None,
    until: float | None = None,
    keep_in: Path | None = None,
) -> ReplayPlan:
    """Everything that can be refused or skipped before a run takes time.

    Args:
        methods: names of the registry; None: all.
        budget: in the table's unit; None: the cost of the target's whole pool.
        until: in the table's unit; None: the table's last mark. It is at most the budget.
        keep_in: a file of runs to resume from and to add to; None keeps nothing.

    Raises:
        ConfigError: if there is no method of that name.
        TableError: if no problem can be made of the table, or it can serve none of the methods.
    """
    wanted = list(METHODS) if methods is None else list(dict.fromkeys(methods))
    for name in wanted:
        check_name(name)
    first = make_instance(table, config, 0)
    served, skipped = servable(table, wanted)
    if not served:
        raise TableError(f"methods {', '.join(wanted)}: none of them can be played on {table.name}")
    pool = first.problem.pool
    assert pool is not None, "a problem of a table has a pool"
    spent = budget if budget is not None else len(pool[table.target]) * table.costs[table.target]
    least = min(until if until is not None else table.marks[-1], spent)
    kept = KeptRuns(keep_in, table, config, served, spent, least)
    return ReplayPlan(table, config, tuple(served), tuple(skipped), first, spent, least, kept)


def run_replay(
    plan: ReplayPlan, seeds: int, cores: int | None = None, progress: Progress | None = None
) -> ReplayResult:
    """Simulate the runs that are not kept yet, in as many processes as there are cores.

    Args:
        seeds: problems per method.
        cores: processes; None: all cores. The numbers are the same whatever their number.
        progress: called with the runs as they finish and with their number; passes them on.

    Raises:
        TableError: if a process was ended from outside; runs that had finished are kept.
    """
    wanted = [(method, seed) for seed in range(seeds) for method in plan.methods]
    runs = plan.kept_runs()
    missing = [job for job in wanted if job not in runs]
    found = simulate_all(plan.table, plan.config, missing, plan.budget, plan.until, cores or os.cpu_count() or 1)
    for run in progress(found, len(missing)) if progress else found:
        plan.kept.add(run)
        runs[run.method, run.seed] = run
    return ReplayResult(plan, tuple(runs[method, seed] for method in plan.methods for seed in range(seeds)))


def replay_on_table(
    table: Table,
    config: ReplayConfig,
    methods: Sequence[str] | None = None,
    *,
    seeds: int = 5,
    cores: int | None = None,
) -> ReplayResult:
    """Plan and run a replay with the usual budget, keeping nothing."""
    return run_replay(plan_replay(table, config, methods), seeds, cores)
