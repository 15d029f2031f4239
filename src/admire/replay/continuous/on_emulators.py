"""The Python interface of `admire replay --space continuous`: methods on emulators of a table of finished runs.

table = regmix(Path("data/regmix"))
result = replay_on_emulators(table, ContinuousConfig("mean", emulator="joint-law"), ["admire", "random"], seeds=5)
print(result.summary())
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from admire.campaign.json_hash import digest
from admire.errors import TableError
from admire.replay.continuous import summary, world
from admire.replay.continuous.families import FAMILIES
from admire.replay.continuous.kept_plays import KeptPlays
from admire.replay.continuous.play import Extent
from admire.replay.continuous.side_by_side import Run, play_all
from admire.replay.continuous.world import ContinuousConfig, World, check_table, make_world
from admire.replay.finished_runs import Job, completed
from admire.replay.kept_runs import table_content
from admire.replay.side_by_side import played_methods, wanted_methods
from admire.replay.table import Table
from admire.space import money

MARKS = (0.5, 1.0, 2.0, 4.0, 8.0)  # in trainings of the target
MISLEAD = (None, "negated", "independent")

MOST_MADE = 4
_made: dict[str, World] = {}  # the worlds that this process made last

Progress = Callable[[Iterator[Run], int], Iterable[Run]]


@dataclass(frozen=True)
class ContinuousPlan:
    """A replay that was checked and can run: the emulators are fitted, and nothing has been simulated yet.

    Args:
        table: the finished runs.
        config: how the problem is made from the table.
        world: the problem and the truth behind it.
        extent: how long a run is.
        methods: names of the methods that can be played, in the requested order.
        skipped: one sentence per method that cannot.
        kept: the file of finished runs of the same problem, to which new ones are added.
    """

    table: Table
    config: ContinuousConfig
    world: World
    extent: Extent
    methods: tuple[str, ...]
    skipped: tuple[str, ...]
    kept: KeptPlays


@dataclass(frozen=True)
class ContinuousResult:
    """Finished runs of every method with every seed, ordered by method and then by seed."""

    plan: ContinuousPlan
    runs: tuple[Run, ...]

    def summary(self) -> pd.DataFrame:
        """One line per method: what `curves` has at every mark, and the baseline mixture's regret."""
        return summary.summary(self.runs, self.plan.world)

    def curves(self) -> pd.DataFrame:
        """One line per method and mark: regret, self-optimism, cover of intervals, and numbers of trials."""
        return summary.curves(self.runs, self.plan.world)

    def purchases(self) -> pd.DataFrame:
        """The sizes that each method bought over cost."""
        return summary.purchases(self.runs)

    def passed(self) -> float:
        """By how many standard deviations over mixtures a recommendation is better than the best mixture that was found."""
        return summary.passed(self.runs, self.plan.world)


def plan_continuous(
    table: Table,
    config: ContinuousConfig,
    methods: Sequence[str] | None = None,
    *,
    budget: float | None = None,
    keep_in: Path | None = None,
    cores: int | None = None,
    progress: world.Progress | None = None,
) -> ContinuousPlan:
    """Check everything that can be refused or skipped, and then fit the emulators.

    Args:
        methods: names of the registry; None means all.
        budget: cost of a run, in the table's unit; None means that of eight trainings of the target.
        keep_in: a file of runs to resume from and to add to; with None nothing is kept.
        cores: number of processes; None means one per core.
        progress: as in `make_world`.

    Raises:
        ConfigError: if a name is not in the registry.
        TableError: if no emulators can be fitted to the table, or none of the methods can be played.
    """
    served, skipped = check(table, config, methods)
    unit = table.costs[table.target]
    spent = MARKS[-1] * unit if budget is None else budget
    marks = [mark for mark in MARKS if money.buys(spent, mark * unit)]
    last = spent / unit
    if not marks or not money.buys(marks[-1] * unit, spent):
        marks.append(last)  # the end of the run is a mark too
    made = _world(table, config, cores or os.cpu_count() or 1, progress)
    kept = KeptPlays(keep_in, table, config, made, served, spent)
    extent = Extent(spent, tuple(marks), config.lanes)
    return ContinuousPlan(table, config, made, extent, tuple(served), tuple(skipped), kept)


def _world(table: Table, config: ContinuousConfig, cores: int, progress: world.Progress | None) -> World:
    """The world of a table. This process fits emulators once, however many replays are played on them."""
    key = digest([table_content(table), config.objective, config.emulator])
    if key not in _made:
        while len(_made) >= MOST_MADE:
            _made.pop(next(iter(_made)))
        _made[key] = make_world(table, config, cores, progress)
    return replace(_made[key], mislead=config.mislead)


def check(table: Table, config: ContinuousConfig, methods: Sequence[str] | None) -> tuple[list[str], list[str]]:
    """Refuse now what no emulator is needed to refuse.

    Returns:
        Names of the methods that can be played, and one sentence per method that cannot.

    Raises:
        ConfigError: if a name is not in the registry.
        TableError: if no emulators can be fitted to the table, or none of the methods can be played.
    """
    wanted = wanted_methods(methods)
    if config.emulator not in FAMILIES:
        raise TableError(f"--emulator {config.emulator}: it is one of {', '.join(FAMILIES)}")
    if config.mislead not in MISLEAD:
        raise TableError(f"--mislead {config.mislead}: it is negated or independent")
    if config.lanes < 1:
        raise TableError(f"--lanes {config.lanes}: at least one is needed")
    check_table(table, config.objective)
    return played_methods(table, wanted, pool=False)


def run_continuous(
    plan: ContinuousPlan, seeds: int, cores: int | None = None, progress: Progress | None = None
) -> ContinuousResult:
    """Simulate the runs that are not kept yet, in as many processes as there are cores.

    Args:
        seeds: number of runs per method.
        cores: number of processes; None means one per core. The results do not depend on it.
        progress: called with an iterator of the runs as they finish and with their number; yields the same runs.

    Raises:
        TableError: if a worker process was killed; finished runs are kept.
    """
    cores = cores or os.cpu_count() or 1

    def play(jobs: Sequence[Job]) -> Iterator[Run]:
        return play_all(plan.world, plan.extent, jobs, cores)

    return ContinuousResult(plan, completed(plan.kept, plan.methods, seeds, play, progress))


def replay_on_emulators(
    table: Table,
    config: ContinuousConfig,
    methods: Sequence[str] | None = None,
    *,
    seeds: int = 5,
    cores: int | None = None,
) -> ContinuousResult:
    """Plan and run a replay with the default budget; no runs are kept in a file."""
    return run_continuous(plan_continuous(table, config, methods, cores=cores), seeds, cores)
