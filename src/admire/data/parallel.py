"""Work spread over processes that comes back in the order in which it was given, with little of it under way at once."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2  # items under way for each process: one in hand, one waiting

_work: Callable[[Any], Any]  # in a worker process: what it was started for


def in_order(make: Callable[[], Callable[[Item], Result]], items: Iterable[Item], processes: int) -> Iterator[Result]:
    """`work(item)` for each item, in order, where `work = make()` is made once in each process.

    Items are taken only as results are used, so that memory does not grow with their number.

    Args:
        make: a picklable function; with one process it is called here and nothing is started.

    Raises:
        BrokenProcessPool: if a process was ended from outside.
    """
    if processes == 1:
        yield from map(make(), items)
        return
    # fork() would copy a process that has threads (a lease, Arrow's) and may copy one of their locks held
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, context, initializer=_start, initargs=(make,))
    try:
        under_way: deque[Future[Result]] = deque()
        for item in items:
            under_way.append(pool.submit(_do, item))
            if len(under_way) == AHEAD * processes:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def end_with_parent() -> None:
    """Have this worker end when its parent does: one that is killed tells nobody, and its workers would go on, or wait for ever."""
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _start(make: Callable[[], Callable[[Any], Any]]) -> None:
    global _work
    end_with_parent()
    _work = make()


def _do(item: Any) -> Any:
    return _work(item)


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
