"""The scorer's side of the sandbox: starts a keeper once and sends it programs."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

import admire
from admire.errors import ConfigError
from admire.evaluate.sandbox.ending import end_all
from admire.evaluate.sandbox.isolation import Isolation, best
from admire.evaluate.sandbox.limits import Limits
from admire.evaluate.sandbox.privileges import adopt_orphans, close_to_others

START = "import sys; sys.path.insert(0, sys.argv[1]); from admire.evaluate.sandbox.keeper import serve; serve(int(sys.argv[2]))"
# Libraries need these variables. Nothing of the scorer's own environment reaches a program.
ENVIRONMENT = {
    "PATH": os.defpath,
    "HOME": "/",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "Agg",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


SILENT = 60  # A keeper that has not answered so many seconds after its own limits was stopped by the program.
_keepers: set[int] = set()  # The numbers of the keepers that this process has started and not ended.


class _Keeper:
    """The process that runs programs, with its two connections: pipes for lines of JSON, and a socket for open files."""

    def __init__(self, isolation: Isolation) -> None:
        # Without namespaces, the processes of a program that kills its keeper become children of this process.
        self._adopts = not isolation.prefix
        self._before = {child.pid for child in psutil.Process().children()} if self._adopts else set()
        if self._adopts:
            adopt_orphans()
        self._files, theirs = socket.socketpair()
        source = str(Path(admire.__file__).resolve().parents[1])
        self._process = subprocess.Popen(
            [*isolation.prefix, sys.executable, "-I", "-c", START, source, str(theirs.fileno())],
            env=ENVIRONMENT,
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
            text=True,
        )
        theirs.close()
        if self._process.stdin is None or self._process.stdout is None:  # Never true with PIPE, but the types allow it.
            raise OSError("a process was started without pipes")
        self._into, self._out_of = self._process.stdin, self._process.stdout
        _keepers.add(self._process.pid)

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def say(self, value: dict[str, Any]) -> None:
        """Send a value as one line of JSON."""
        self._into.write(json.dumps(value) + "\n")
        self._into.flush()

    def answer(self, seconds: float | None = None) -> Any:
        """Wait for the keeper's next line and return its value.

        Args:
            seconds: how long to wait; None means until the keeper answers or ends.

        Raises:
            TimeoutError: if the line has not begun by then.
        """
        if not select.select([self._out_of], [], [], seconds)[0]:
            self._process.kill()
            raise TimeoutError("the keeper does not answer")
        return json.loads(self._out_of.readline())

    def hand_over(self, tests: dict[str, str]) -> None:
        """Send the tests as an open file in memory, which the keeper passes to the judge without reading it."""
        file = os.memfd_create("tests")
        try:
            with open(file, "w", encoding="ascii", closefd=False) as stream:
                json.dump(tests, stream)
            socket.send_fds(self._files, [b"t"], [file])
        finally:
            os.close(file)

    def close(self) -> None:
        """End the keeper and all processes that it started."""
        self._files.close()
        with contextlib.suppress(OSError):
            self._into.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._out_of.close()
        _keepers.discard(self._process.pid)
        if self._adopts:
            if self._process.returncode:  # A keeper that ends by itself has ended all that its programs started.
                end_all(self._is_orphan)
            adopt_orphans(bool(_keepers))

    def _is_orphan(self, pid: int) -> bool:
        """Whether a child of the scorer was started by a program: keepers give each program a session of its own."""
        try:
            return pid not in _keepers | self._before and os.getsid(pid) != os.getsid(0)
        except ProcessLookupError:
            return False


class Sandbox:
    """Runs programs one at a time.

    Args:
        limits: how much one program may use; None means the default limits.
        isolation: how programs are kept apart; None means the best that the machine has.
    """

    def __init__(self, limits: Limits | None = None, isolation: Isolation | None = None) -> None:
        self.limits = limits or Limits()
        self.isolation = isolation or best()
        self._keeper: _Keeper | None = None

    def passes_calls(self, program: str, prompt: str, test: str, entry_point: str) -> bool:
        """Whether a program's function passes a check that runs in another process.

        Args:
            program: the whole program, which is run as a script before its function is called.
            prompt: the function's head and everything else that the check may use.
            test: code that defines `check(candidate)`; the program never sees it.
            entry_point: the function's name.
        """
        tests = {"prompt": prompt, "test": test, "entry_point": entry_point}
        return self._asked({"kind": "calls", "program": program, "entry_point": entry_point}, tests)

    def passes_unit_tests(self, program: str) -> bool:
        """Whether a program that ends in `unittest.TestCase` classes passes them.

        The tests run in the program's process, because they patch its modules. A program that attacks `unittest` itself can
        therefore pass.
        """
        return self._asked({"kind": "unit tests", "program": program})

    def runs_through(self, program: str) -> bool:
        """Whether a program reaches its end without an error."""
        return self._asked({"kind": "script", "program": program})

    def close(self) -> None:
        """End the keeper and all processes that it started."""
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None

    def _asked(self, request: dict[str, Any], tests: dict[str, str] | None = None) -> bool:
        """Whether one program passes. If the keeper was ended from outside, the program fails, and the next gets a new keeper."""
        try:
            keeper = self._living()
            keeper.say(request)
            if tests is not None:
                keeper.hand_over(tests)
            return bool(keeper.answer(self.limits.seconds + SILENT)["passed"])
        except (OSError, json.JSONDecodeError):
            self.close()
            return False

    def _living(self) -> _Keeper:
        """The running keeper, started if there is none."""
        if self._keeper is None or self._keeper.ended:
            self.close()
            self._keeper = _Keeper(self.isolation)
            self._keeper.say({"limits": asdict(self.limits), "apart": self.isolation.isolates})
            self._keeper.answer()
        return self._keeper


_open: list[Sandbox] = []


@contextlib.contextmanager
def opened(required: bool) -> Iterator[Sandbox]:
    """Inside the block, `current` returns a sandbox, and programs cannot read the scorer's memory and environment.

    Args:
        required: whether to refuse a machine on which programs can reach the user's files or the network.

    Raises:
        ConfigError: if isolation is required and this machine has none.
    """
    box = Sandbox()
    if required and not box.isolation.isolates:
        raise ConfigError(
            f"isolation: required, and this machine has no bubblewrap that works (found: {box.isolation.name}); install the "
            "package bubblewrap, let users make namespaces, or say isolation: available"
        )
    _open.append(box)
    close_to_others()
    try:
        yield box
    finally:
        close_to_others(False)
        _open.remove(box)
        box.close()


def current() -> Sandbox:
    """The sandbox of the innermost `opened` block.

    Raises:
        ConfigError: outside of any such block, so that no program runs without the suite's consent.
    """
    if not _open:
        raise ConfigError("programs of a model run only while a suite with runs_code: true is scored")
    return _open[-1]
