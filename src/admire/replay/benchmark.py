"""Methods x seeds on one table, side by side in as many processes as there are cores; the numbers do not depend on how many."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from admire.data.parallel import end_with_parent
from admire.optimize.methods import build, entry
from admire.replay.case import Setting, make_case
from admire.replay.play import Trace, play
from admire.replay.table import Table


@dataclass(frozen=True)
class Run:
    """One method on one seed's problem, played to its end."""

    method: str
    seed: int
    trace: Trace


def servable(table: Table, methods: Sequence[str]) -> tuple[list[str], list[str]]:
    """Which of `methods` the table can serve, and a sentence for each that it cannot."""
    served, refused = [], []
    for name in methods:
        needs = entry(name).requires
        if "trains" in needs:
            refused.append(f"{name}: skipped, it weighs sources while it trains, and a table holds finished runs only")
        elif "promotes" in needs and not table.promotes:
            refused.append(
                f"{name}: skipped, no mixture of {table.name} was trained at two sizes, so none can be promoted"
            )
        elif "design" in needs:
            refused.append(f"{name}: skipped, it draws mixtures of its own, and a table has those that it has")
        elif "sizes" in needs and len(table.sizes) < 2:
            refused.append(f"{name}: skipped, {table.name} has one size only")
        else:
            served.append(name)
    return served, refused


def replay(
    table: Table,
    setting: Setting,
    jobs: Sequence[tuple[str, int]],
    budget: float,
    until: float,
    cores: int,
) -> Iterator[Run]:
    """Play methods on seeds' problems, in the order in which they finish.

    Args:
        jobs: (method, seed) of each run.
        budget, until: as in `play`.
        cores: processes; the results are the same whatever their number.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(cores, mp_context=context, initializer=start_worker) as pool:
        waiting = [pool.submit(_play, table, setting, method, seed, budget, until) for method, seed in jobs]
        try:
            for done in as_completed(waiting):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def start_worker() -> None:
    """Set up a process: sums, and so results, depend on the number of threads; tiny negative variances are rounding."""
    import warnings

    import torch
    from gpytorch.utils.warnings import NumericalWarning

    end_with_parent()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", NumericalWarning)


def _play(table: Table, setting: Setting, method: str, seed: int, budget: float, until: float) -> Run:
    return Run(method, seed, play(build(method), make_case(table, setting, seed), seed, budget, until))
