"""Distributes work over processes. Any of them may be killed at any moment without leaving the parent waiting.

Each process has a pipe of its own to the parent, and a thread of the parent serves it. When a process is killed, the kernel closes
its end, and the thread gets an error at once, even in the middle of a message. In `concurrent.futures.ProcessPoolExecutor` and the
pools derived from it, all processes share one queue: half an item or half a result that a killed process leaves in it can make the
pool wait for ever (in Python 3.11.2 it does).
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

AHEAD = 2  # Per process, one item is being worked on and one is waiting, so that no process is idle.


def in_order(make: Callable[[], Callable[[Item], Result]], items: Iterable[Item], processes: int) -> Iterator[Result]:
    """Yield `work(item)` for each item, in order, where each process calls `work = make()` once.

    Further items are taken only when results are consumed, so that memory does not grow with their number.

    Args:
        make: a picklable function. If `processes` is 1, it is called in this process and no other is started.

    Raises:
        BrokenProcessPool: if a process was killed or exited.
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
    """A pool of at most `processes` processes, which are started when they are needed and killed when the block ends.

    Args:
        make: a picklable function. Each process calls it once, and calls the function that it returns with every item.

    Yields:
        A function that submits an item and returns its future. The future's exception is the one that the work raised, or
        BrokenProcessPool if the process was killed or exited.
    """
    started: list[_Worker] = []
    idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
    handed: list[Future[Result]] = []  # These decide whether another process is needed; once all run, none are added.

    def submit(item: Item) -> Future[Result]:
        if len(started) < processes and sum(not future.done() for future in handed) >= len(started):
            started.append(_Worker(make))
            idle.put(started[-1])
        future = threads.submit(hand_over, item)
        if len(started) < processes:
            handed.append(future)
        return future

    def hand_over(item: Item) -> Result:
        worker = idle.get()  # One is idle, because a process was started for each item that is being worked on.
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
    """A process and the parent's end of the pipe to it."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]]) -> None:
        # This process has threads (that of a lease, those of Arrow). A fork() could copy one of their locks while it is held.
        context = multiprocessing.get_context("spawn")
        self._line, theirs = context.Pipe()
        # `make` is sent as the first message. As a large argument it would make the start wait for ever if the process is killed.
        self._make: Callable[[], Callable[[Any], Any]] | None = make
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()  # Only the process has this end open now, so that the pipe breaks when the process ends.

    def do(self, item: Any) -> Any:
        """Have the process work on an item, and return the result.

        Raises:
            BrokenProcessPool: if the process was killed or exited.
            Exception: the one that the work raised.
        """
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
        """Kill the process even if it is at work. A thread that waits for its answer gets an error."""
        self._process.kill()
        self._process.join()


def _how(exitcode: int | None) -> str:
    return f"signal {-exitcode}" if exitcode is not None and exitcode < 0 else f"exit code {exitcode}"


def _serve(line: Connection) -> None:
    """The main function of a process: make the work, then do it for each item until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C also reaches the parent, which then kills this process.
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
    """The work's result or its exception, as a pickled pair (result, exception) of which one is None."""
    try:
        return pickle.dumps((work(pickle.loads(item)), None))
    except Exception as error:
        error.add_note(f"In a process of its own:\n{traceback.format_exc()}")
        try:
            answer = pickle.dumps((None, error))
            pickle.loads(answer)  # An exception with a constructor of its own can be pickled but not always unpickled.
        except Exception:
            answer = pickle.dumps((None, RuntimeError(f"{type(error).__name__}: {error}\n{error.__notes__[-1]}")))
        return answer


def _refuse(error: Exception, item: Any) -> NoReturn:
    raise error


def _end_with_parent() -> None:
    """End this process when its parent ends. A parent that is killed cannot end it, and its work would be in vain."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
