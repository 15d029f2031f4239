"""Work spread over processes any of which may be killed at any moment; nobody waits for one that is dead.

Each process has a line to its parent that nobody else holds, and a thread of the parent that talks to it. When the process is
killed the kernel closes its end, and whoever reads or writes the other end is told at once, in the middle of a message too.
`concurrent.futures.ProcessPoolExecutor` and the pools that descend from it share one queue among their processes: half an
item or half a result that a killed process leaves there may keep the pool waiting for ever (in Python 3.11.2 it does).
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import queue
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, NoReturn, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2  # items under way for each process: one in hand, one waiting


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
    with workers(make, processes) as submit:
        under_way: deque[Future[Result]] = deque()
        for item in items:
            under_way.append(submit(item))
            if len(under_way) == AHEAD * processes:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


@contextmanager
def workers(make: Callable[[], Callable[[Item], Result]], processes: int) -> Iterator[Callable[[Item], Future[Result]]]:
    """At most so many processes, started as they are needed; they are ended, whatever they do, when the block is left.

    Args:
        make: a picklable function; each process calls it once, and what it returns on every item.

    Yields:
        A function that hands an item over and returns its future. The future's error is what the work raised, or
        BrokenProcessPool where the process was ended from outside.
    """
    started: list[_Worker] = []
    idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
    handed: list[Future[Result]] = []  # until all processes are started

    def submit(item: Item) -> Future[Result]:
        if len(started) < processes and sum(not future.done() for future in handed) >= len(started):
            started.append(_Worker(make))
            idle.put(started[-1])
        future = threads.submit(hand_over, item)
        if len(started) < processes:
            handed.append(future)
        return future

    def hand_over(item: Item) -> Result:
        worker = idle.get()  # there is one: no more items are in hand than processes were started
        try:
            return worker.do(item)
        finally:
            idle.put(worker)

    threads = ThreadPoolExecutor(processes)
    try:
        yield submit
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        for worker in started:
            worker.end()
        threads.shutdown()


class _Worker:
    """A process and our end of the line to it."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]]) -> None:
        # fork() would copy a process that has threads (a lease, Arrow's) and may copy one of their locks held
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        # its first message, not an argument: where that is large, starting a process that is killed waits for ever
        self._make: Callable[[], Callable[[Any], Any]] | None = make
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()  # the process alone holds it now, so that its end is the line's end

    def do(self, item: Any) -> Any:
        """The result, or raise what the work raised."""
        message = pickle.dumps(item)
        try:
            if self._make is not None:
                self._line.send_bytes(pickle.dumps(self._make))
                self._make = None
            self._line.send_bytes(message)
            answer = self._line.recv_bytes()
        except (EOFError, OSError):
            self._process.join()
            raise BrokenProcessPool(f"ended from outside ({_how(self._process.exitcode)})") from None
        result, error = pickle.loads(answer)
        if error is not None:
            raise error
        return result

    def end(self) -> None:
        """End the process in the middle of its work; whoever waits for its answer is told."""
        self._process.kill()
        self._process.join()


def _how(exitcode: int | None) -> str:
    return f"signal {-exitcode}" if exitcode is not None and exitcode < 0 else f"exit code {exitcode}"


def _serve(line: Connection) -> None:
    """What a process does: make the work, then do it on each item until the line is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent too, which ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        made = line.recv_bytes()
        try:
            work = pickle.loads(made)()
        except Exception as error:
            work = partial(_refuse, error)
        while True:
            line.send_bytes(_answer(work, line.recv_bytes()))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _answer(work: Callable[[Any], Any], item: bytes) -> bytes:
    """The result and no error, or no result and the error, as one message."""
    try:
        return pickle.dumps((work(pickle.loads(item)), None))
    except Exception as error:
        error.add_note(f"In a process of its own:\n{traceback.format_exc()}")
        try:
            answer = pickle.dumps((None, error))
            pickle.loads(answer)  # an error with a constructor of its own may be written and not be read
        except Exception:
            answer = pickle.dumps((None, RuntimeError(f"{type(error).__name__}: {error}\n{error.__notes__[-1]}")))
        return answer


def _refuse(error: Exception, item: Any) -> NoReturn:
    raise error


def _end_with_parent() -> None:
    """End when the parent does: one that is killed tells nobody, and we would go on with work that nobody waits for."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
