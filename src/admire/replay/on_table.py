"""The Python interface of `admire replay`: methods on a table of finished runs.

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

from admire.replay import summary
from admire.replay.finished_runs import Job, completed
from admire.replay.instance import Instance, ReplayConfig, make_instance
from admire.replay.kept_runs import KeptRuns
from admire.replay.side_by_side import Run, played_methods, simulate_all, wanted_methods
from admire.replay.table import Table

Progress = Callable[[Iterator[Run], int], Iterable[Run]]


@dataclass(frozen=True)
class ReplayPlan:
    """A replay that was checked and can run; nothing has been simulated yet.

    Args:
        table: the finished runs.
        config: how a seed's problem is made from the table.
        methods: names of the methods that the table can serve, in the requested order.
        skipped: one sentence per method that it cannot serve.
        first: the problem of seed 0, for descriptions of the replay.
        budget: a run buys for at most this cost, in the table's unit.
        until: cost up to which a run continues after the best row was observed, in the table's unit.
        kept: the file of finished runs of the same problem, to which new ones are added.
    """

    table: Table
    config: ReplayConfig
    methods: tuple[str, ...]
    skipped: tuple[str, ...]
    first: Instance
    budget: float
    until: float
    kept: KeptRuns


@dataclass(frozen=True)
class ReplayResult:
    """Finished runs of every method on every seed's problem, ordered by method and then by seed."""

    plan: ReplayPlan
    runs: tuple[Run, ...]

    @property
    def _target(self) -> str:
        return self.plan.table.sizes[self.plan.table.target]

    def summary(self) -> pd.DataFrame:
        """One line per method: costs until the best row was observed and recommended, regret at the table's marks."""
        # Beyond `until`, runs that have found the best row have ended.
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
    """Check everything that can be refused or skipped before a run takes time.

    Args:
        methods: names of the registry; None means all.
        budget: in the table's unit; None means the cost of the target's whole pool.
        until: in the table's unit; None means the table's last mark. It is cut to the budget.
        keep_in: a file of runs to resume from and to add to; with None nothing is kept.

    Raises:
        ConfigError: if a name is not in the registry.
        TableError: if no problem can be made from the table, or it can serve none of the methods.
    """
    wanted = wanted_methods(methods)
    first = make_instance(table, config, 0)
    served, skipped = played_methods(table, wanted)
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
        seeds: number of problems per method.
        cores: number of processes; None means one per core. The results do not depend on it.
        progress: called with an iterator of the runs as they finish and with their number; yields the same runs.

    Raises:
        TableError: if a worker process was killed; finished runs are kept.
    """
    cores = cores or os.cpu_count() or 1

    def play(jobs: Sequence[Job]) -> Iterator[Run]:
        return simulate_all(plan.table, plan.config, jobs, plan.budget, plan.until, cores)

    return ReplayResult(plan, completed(plan.kept, plan.methods, seeds, play, progress))


def replay_on_table(
    table: Table,
    config: ReplayConfig,
    methods: Sequence[str] | None = None,
    *,
    seeds: int = 5,
    cores: int | None = None,
) -> ReplayResult:
    """Plan and run a replay with the default budget; no runs are kept in a file."""
    return run_replay(plan_replay(table, config, methods), seeds, cores)
