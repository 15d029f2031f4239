"""The code of the keeper's forks: run a program and answer calls, judge a program by calls, or run a program with its tests.

None of these functions returns. Each ends with `os._exit`, so that no code of the keeper continues in a fork.
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
    """The program raised an exception that is not built in, or ended, or sent a message that is too long or unexpected."""


def answer_calls(program: str, entry_point: str, judge: socket.socket, most: int) -> NoReturn:
    """Run the program as a script, then answer the judge's calls of its function.

    Args:
        entry_point: the function's name.
        judge: the connection to the judge.
        most: bytes that a message of the judge may have.
    """
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
    """Run the benchmark's check on a stand-in, which calls the program's function in the program's process.

    Args:
        file: an open file with JSON: `prompt` (the function's head and what else the check may use), `test` (code that defines
            `check`) and `entry_point` (the function's name).
        program: the connection to the program.
        verdict: a pipe that only judges write to.
        most: bytes that a message of the program may have.
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
    """Run a program that contains unit tests, then the tests. A program without tests does not pass."""
    run, write, passed = unittest.main, os.write, PASSED
    with contextlib.suppress(BaseException):
        module = _run_as_main(program)
        result = run(module=module, argv=["program.py"], exit=False).result
        if result.testsRun and result.wasSuccessful():
            write(verdict, passed)
    os._exit(0)


def run_script(program: str, verdict: int) -> NoReturn:
    """Run a program that checks itself, which passes if it reaches its end without an error."""
    with contextlib.suppress(BaseException):
        _run_as_main(program)
        os.write(verdict, PASSED)
    os._exit(0)


def _run_as_main(program: str) -> types.ModuleType:
    """Run a text as Python runs a script, from a file in the current folder and as the module `__main__`."""
    # A file cannot hold a lone surrogate. Its replacement makes such a program fail to compile, as it should.
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
    """A function whose calls run in the program's process. Exceptions are raised here, as the built-in of the same name."""

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
    """The next message.

    Raises:
        RemoteError: if the other side has ended, or announces more than `most` bytes.
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
