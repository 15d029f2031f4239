"""The scorer's side: a keeper that is started once, and the programs that it is given."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import admire
from admire.errors import ConfigError
from admire.evaluate.sandbox.isolation import Isolation, best
from admire.evaluate.sandbox.limits import Limits
from admire.evaluate.sandbox.privileges import close_to_others

START = "import sys; sys.path.insert(0, sys.argv[1]); from admire.evaluate.sandbox.keeper import serve; serve(int(sys.argv[2]))"
# What libraries must find in an environment; nothing of the scorer's own passes.
ENVIRONMENT = {
    "PATH": os.defpath,
    "HOME": "/",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "Agg",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}


class _Keeper:
    """The process that runs programs, and the two ways to it: lines of JSON, and a socket for open files."""

    def __init__(self, isolation: Isolation) -> None:
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
        if self._process.stdin is None or self._process.stdout is None:  # they are pipes: never so
            raise OSError("a process was started without pipes")
        self._into, self._out_of = self._process.stdin, self._process.stdout

    @property
    def ended(self) -> bool:
        """Whether the process has ended."""
        return self._process.poll() is not None

    def say(self, value: dict[str, Any]) -> None:
        """Send a line."""
        self._into.write(json.dumps(value) + "\n")
        self._into.flush()

    def answer(self) -> Any:
        """Wait for its line."""
        return json.loads(self._out_of.readline())

    def hand_over(self, tests: dict[str, str]) -> None:
        """Give the tests as an open file in memory, which the keeper passes on unread."""
        file = os.memfd_create("tests")
        try:
            with open(file, "w", encoding="ascii", closefd=False) as stream:
                json.dump(tests, stream)
            socket.send_fds(self._files, [b"t"], [file])
        finally:
            os.close(file)

    def close(self) -> None:
        """End it with everything that it started."""
        self._files.close()
        with contextlib.suppress(OSError):
            self._into.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._out_of.close()


class Sandbox:
    """Programs run in here, one at a time.

    Args:
        limits: what one program may use.
        isolation: how programs are kept apart; the best that the machine has when left out.
    """

    def __init__(self, limits: Limits | None = None, isolation: Isolation | None = None) -> None:
        self.limits = limits or Limits()
        self.isolation = isolation or best()
        self._keeper: _Keeper | None = None

    def passes_calls(self, program: str, prompt: str, test: str, entry_point: str) -> bool:
        """Whether a program's function passes a check that runs in another process.

        Args:
            program: the whole program; it is run as a script before its function is called.
            prompt: the function's head, with everything that the check may use beside it.
            test: defines `check(candidate)`; the program never sees it.
            entry_point: the function's name.
        """
        tests = {"prompt": prompt, "test": test, "entry_point": entry_point}
        return self._asked({"kind": "calls", "program": program, "entry_point": entry_point}, tests)

    def passes_unit_tests(self, program: str) -> bool:
        """Whether a program that ends in `unittest.TestCase` classes passes them.

        They share its process, because they patch its modules: a program that attacks `unittest` itself can pass.
        """
        return self._asked({"kind": "unit tests", "program": program})

    def runs_through(self, program: str) -> bool:
        """Whether a program reaches its end without an error."""
        return self._asked({"kind": "script", "program": program})

    def close(self) -> None:
        """End the keeper with everything that it started."""
        if self._keeper is not None:
            self._keeper.close()
            self._keeper = None

    def _asked(self, request: dict[str, Any], tests: dict[str, str] | None = None) -> bool:
        """One program's verdict. A keeper that was ended from outside is started again, and the program has not passed."""
        try:
            keeper = self._living()
            keeper.say(request)
            if tests is not None:
                keeper.hand_over(tests)
            return bool(keeper.answer()["passed"])
        except (OSError, json.JSONDecodeError):
            self.close()
            return False

    def _living(self) -> _Keeper:
        """The keeper that lives; a new one where there is none."""
        if self._keeper is None or self._keeper.ended:
            self.close()
            self._keeper = _Keeper(self.isolation)
            self._keeper.say({"limits": asdict(self.limits), "apart": self.isolation.isolates})
            self._keeper.answer()
        return self._keeper


_open: list[Sandbox] = []


@contextlib.contextmanager
def opened(required: bool) -> Iterator[Sandbox]:
    """A sandbox that `current` returns meanwhile; the scorer's own memory and environment are closed to programs until it ends.

    Args:
        required: refuse to run programs without an isolation that keeps them from files and network.

    Raises:
        ConfigError: if it is required, and this machine has none.
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
    """The sandbox that is open; programs run nowhere else."""
    if not _open:
        raise ConfigError("programs of a model run only while a suite with runs_code: true is scored")
    return _open[-1]
