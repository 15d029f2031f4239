"""Simulation of all methods on all seeds in parallel processes; the results do not depend on the number of processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import as_completed
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import TypeVar

from admire.data.parallel import workers
from admire.errors import TableError
from admire.optimize.registry import METHODS, build, check_name, entry
from admire.replay.finished_runs import FinishedRun
from admire.replay.instance import ReplayConfig, make_instance
from admire.replay.simulate import Trace, simulate
from admire.replay.table import Table

Result = TypeVar("Result")
Run = FinishedRun[Trace]

WANT_OF_MEMORY = "most often for want of memory; give it more memory or fewer --cores, and run again"


def servable(table: Table, methods: Sequence[str], pool: bool = True) -> tuple[list[str], list[str]]:
    """The names of `methods` that the table can serve, and one sentence per method that it cannot.

    Args:
        pool: whether only the table's rows can be bought; otherwise any mixture can, at every size.
    """
    served, refused = [], []
    for name in methods:
        needs = entry(name).requires
        if "trains" in needs:
            refused.append(f"{name}: skipped, it weighs sources while it trains, and a table holds finished runs only")
        elif "promotes" in needs and pool and not table.promotes:
            refused.append(
                f"{name}: skipped, no mixture of {table.name} was trained at two sizes, so none can be promoted"
            )
        elif "design" in needs:
            why = "and a table has those that it has" if pool else "as many as a campaign's file asks for"
            refused.append(f"{name}: skipped, it draws mixtures of its own, {why}")
        elif "sizes" in needs and len(table.sizes) < 2:
            refused.append(f"{name}: skipped, {table.name} has one size only")
        else:
            served.append(name)
    return served, refused


def wanted_methods(methods: Sequence[str] | None) -> list[str]:
    """The named methods, each once; all of the registry for None.

    Raises:
        ConfigError: if a name is not in the registry.
    """
    wanted = list(METHODS) if methods is None else list(dict.fromkeys(methods))
    for name in wanted:
        check_name(name)
    return wanted


def played_methods(table: Table, wanted: Sequence[str], pool: bool = True) -> tuple[list[str], list[str]]:
    """As `servable`, and at least one method.

    Raises:
        TableError: if the table can serve none of them.
    """
    served, skipped = servable(table, wanted, pool)
    if not served:
        raise TableError(f"methods {', '.join(wanted)}: none of them can be played on {table.name}")
    return served, skipped


def simulate_all(
    table: Table,
    config: ReplayConfig,
    jobs: Sequence[tuple[str, int]],
    budget: float,
    until: float,
    cores: int,
) -> Iterator[Run]:
    """Simulate methods on seeds' problems; yields the runs in the order in which they finish.

    Args:
        jobs: (method, seed) of each run.
        budget, until: as in `simulate`.
        cores: number of processes; the results do not depend on it.

    Raises:
        TableError: if a worker process was killed.
    """
    yield from in_workers(partial(_player, table, config, budget, until), jobs, cores)


def in_workers(
    make: Callable[[], Callable[[tuple[str, int]], Result]], jobs: Sequence[tuple[str, int]], cores: int
) -> Iterator[Result]:
    """Apply the function that `make` returns in each process to all jobs; yields results in the order in which they finish.

    Raises:
        TableError: if a worker process was killed.
    """
    try:
        with workers(make, cores) as submit:
            for done in as_completed([submit(job) for job in jobs]):
                yield done.result()
    except BrokenProcessPool as error:
        raise TableError(f"replay: a process was {error}, {WANT_OF_MEMORY}: with --out it resumes") from None


def start_worker() -> None:
    """Set up a worker process.

    It uses one thread, because sums, and so results, depend on the number of threads. GPyTorch's warnings of tiny negative
    variances are switched off, because these are rounding errors.
    """
    import warnings

    import torch
    from gpytorch.utils.warnings import NumericalWarning

    torch.set_num_threads(1)
    warnings.simplefilter("ignore", NumericalWarning)


def _player(table: Table, config: ReplayConfig, budget: float, until: float) -> Callable[[tuple[str, int]], Run]:
    """The function that a worker process applies to each (method, seed)."""
    start_worker()

    def player(job: tuple[str, int]) -> Run:
        method, seed = job
        return Run(method, seed, simulate(build(method), make_instance(table, config, seed), seed, budget, until))

    return player
