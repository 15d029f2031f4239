"""All methods on all seeds in parallel processes; the results do not depend on the number of processes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from admire.optimize.registry import build, entry
from admire.replay.continuous.play import Extent, Trace, play
from admire.replay.continuous.world import World
from admire.replay.finished_runs import FinishedRun
from admire.replay.side_by_side import in_workers

Run = FinishedRun[Trace]
SMALL_RUNS = 512  # as many as RegMix trained (arXiv 2407.01492), or what the budget buys
REGRESSIONS = "admire.optimize.proxy"  # the module of the methods that train them


def small_runs(method: str) -> int | None:
    """How many trials a method trains at the cheapest size before it fits its regression; None for methods that do not."""
    return SMALL_RUNS if entry(method).path.startswith(f"{REGRESSIONS}:") else None


def play_all(world: World, extent: Extent, jobs: Sequence[tuple[str, int]], cores: int) -> Iterator[Run]:
    """Simulate methods with seeds; yields the runs in the order in which they finish.

    Args:
        jobs: (method, seed) of each run.
        cores: number of processes; if it is 1, this process plays and starts no other.

    Raises:
        TableError: if a worker process was killed.
    """
    if cores == 1:
        yield from map(_player(world, extent), jobs)
    else:
        yield from in_workers(partial(_player, world, extent), jobs, cores)


def _player(world: World, extent: Extent) -> Callable[[tuple[str, int]], Run]:
    """The function that a process applies to each (method, seed)."""

    def player(job: tuple[str, int]) -> Run:
        from gpytorch.utils.warnings import NumericalWarning

        from admire.optimize.surrogates.search_settings import searching

        method, seed = job
        with searching(), warnings.catch_warnings():
            warnings.simplefilter("ignore", NumericalWarning)  # tiny negative variances are rounding errors
            return Run(method, seed, play(build(method), world, seed, extent, small_runs(method)))

    return player
