"""What the forks of the keeper do: run a program and answer calls, judge by calling, or run a program with unit tests.

None of these returns: each ends in `os._exit`, so that nothing of the keeper runs on in a fork.
"""

from __future__ import annotations

import builtins
import contextlib
import json
import linecache
import os
import socket
import struct
import sys
import types
import unittest
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from admire.evaluate.sandbox.values import dump, load

PASSED = b"passed"
READY = b"ready"
LENGTH = struct.Struct("<Q")


class RemoteError(Exception):
    """The program raised something that is no built-in exception, or ended, or sent what is no value."""


def answer_calls(program: str, entry_point: str, judge: socket.socket, most: int) -> NoReturn:
    """Run the program as a script, then call its function as often as the judge asks."""
    with contextlib.suppress(BaseException):
        function = _run_as_main(program).__dict__[entry_point]
        _send(judge, READY)
        while True:
            arguments, keywords = load(_receive(judge, most))
            try:
                reply = ["value", function(*arguments, **keywords)]
            except Exception as error:
                reply = ["raised", type(error).__name__]
            _send(judge, dump(reply))
    os._exit(0)


def judge_by_calls(file: int, program: socket.socket, verdict: int, most: int) -> NoReturn:
    """Run the benchmark's check on a stand-in for the program's function.

    Args:
        file: JSON with `prompt` (the function's head with what the check may use), `test` (defines `check`) and `entry_point`.
        verdict: a pipe that only judges write to.
    """
    with contextlib.suppress(BaseException):
        with open(file, encoding="ascii") as stream:
            stream.seek(0)
            tests = json.load(stream)
        space: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(f"{tests['prompt']}\n    pass\n\n{tests['test']}", "check.py", "exec"), space)
        space[tests["entry_point"]] = candidate = _stand_in(program, most)
        if (
            _receive(program, len(READY)) != READY
        ):  # a program that breaks before its function can be called has not passed
            raise RemoteError("the program said something else")
        space["check"](candidate)
        os.write(verdict, PASSED)
    os._exit(0)


def run_unit_tests(program: str, verdict: int) -> NoReturn:
    """Run a program that holds unit tests, then these; one that holds none has not passed."""
    run, write, passed = unittest.main, os.write, PASSED
    with contextlib.suppress(BaseException):
        module = _run_as_main(program)
        result = run(module=module, argv=["program.py"], exit=False).result
        if result.testsRun and result.wasSuccessful():
            write(verdict, passed)
    os._exit(0)


def run_script(program: str, verdict: int) -> NoReturn:
    """Run a program that checks itself: it has passed when its last line was run."""
    with contextlib.suppress(BaseException):
        _run_as_main(program)
        os.write(verdict, PASSED)
    os._exit(0)


def _run_as_main(program: str) -> types.ModuleType:
    """Run a text as Python runs a script: from a file in the current folder, as the module `__main__`."""
    # A lone surrogate is no text that a file can hold; such a program fails to compile, as it should.
    Path("program.py").write_text(program, encoding="utf-8", errors="replace")
    path = str(Path("program.py").resolve())
    module = types.ModuleType("__main__")
    module.__file__ = path
    sys.modules["__main__"], sys.argv = module, [path]
    sys.path.insert(0, str(Path.cwd()))
    linecache.checkcache()
    exec(compile(Path(path).read_bytes(), path, "exec"), module.__dict__)
    return module


def _stand_in(program: socket.socket, most: int) -> Callable[..., Any]:
    """A function whose calls are made in the program's process; its exceptions are raised here, as the built-in of that name."""

    def candidate(*arguments: Any, **keywords: Any) -> Any:
        _send(program, dump([arguments, keywords]))
        kind, content = load(_receive(program, most))
        if kind == "value":
            return content
        error = getattr(builtins, str(content), None)
        raise error if isinstance(error, type) and issubclass(error, Exception) else RemoteError(content)

    return candidate


def _send(connection: socket.socket, data: bytes) -> None:
    connection.sendall(LENGTH.pack(len(data)) + data)


def _receive(connection: socket.socket, most: int) -> bytes:
    """One message.

    Raises:
        RemoteError: if the other side is gone, or announces more than `most` bytes.
    """
    length = LENGTH.unpack(_exactly(connection, LENGTH.size))[0]
    if length > most:
        raise RemoteError(f"a value of {length} bytes")
    return _exactly(connection, length)


def _exactly(connection: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        piece = connection.recv(min(count - len(data), 1 << 20))
        if not piece:
            raise RemoteError("the program ended")
        data += piece
    return bytes(data)
