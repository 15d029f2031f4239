"""Programs that a model wrote: taken out of its answer, run against a benchmark's tests, counted.

Only suites that say `runs_code: true` come here. A program runs in a Python process of its own, in an empty folder, without this
process's environment (which may hold credentials), with limits of time, memory and file size. That contains accidents; it is no
jail for malice: the network and the user's files are within reach.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
import resource
import secrets
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SECONDS = 20  # of wall time a program, imports of its libraries included
MEMORY = 8 << 30  # bytes of address space; scientific libraries map gigabytes that they do not use
FILE_SIZE = 64 << 20
BLOCK = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)


def humaneval(document: dict[str, Any], results: list[list[str]]) -> dict[str, float]:
    """The chance that one of ten samples passes a HumanEval problem, from all samples.

    Args:
        document: `prompt` (a function's head), `test` (defines `check`) and `entry_point`.
        results: the samples, one list.
    """
    passed = sum(passes(_completed(document, answer), f"check({document['entry_point']})") for answer in results[0])
    return {"pass_at_10": pass_at_k(len(results[0]), passed, 10)}


def bigcodebench(document: dict[str, Any], results: list[str]) -> dict[str, float]:
    """1 when a BigCodeBench problem's answer passes its unit tests.

    Args:
        document: `code_prompt` (imports and the function's head) and `test` (a `unittest.TestCase`).
        results: the answer, one string.
    """
    program = f"{document['code_prompt']}\n    pass\n\n{code_of(results[0])}\n\n{document['test']}"
    run = "import unittest\nassert unittest.main(argv=[''], exit=False).result.wasSuccessful()"
    return {"pass_at_1": float(passes(program, run))}


def pass_at_k(n: int, passed: int, k: int) -> float:
    """The chance that one of `k` samples passes, unbiased from `n` of which some `passed` (Chen et al. 2021, arXiv 2107.03374)."""
    return 1.0 - math.comb(n - passed, min(k, n)) / math.comb(n, min(k, n))


def code_of(answer: str) -> str:
    """The first block of code in an answer, or all of it where there is none."""
    block = BLOCK.search(answer)
    return block[1] if block else answer


def passes(program: str, tests: str) -> bool:
    """Whether `program` with `tests` at its end runs through: to its last line, which tells a word that only we know."""
    word = secrets.token_hex(16)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "program.py")
        # a lone surrogate in an answer is no program either
        path.write_text(f"{program}\n\n{tests}\nprint({word!r})\n", encoding="utf-8", errors="replace")
        command = [sys.executable, "-I", str(path)]
        surroundings = {"PATH": os.defpath, "HOME": folder, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
        with subprocess.Popen(
            command,
            cwd=folder,
            env=surroundings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_limit,
        ) as process:
            try:
                said, _ = process.communicate(timeout=SECONDS)
            except subprocess.TimeoutExpired:
                said = b""
            finally:
                with contextlib.suppress(ProcessLookupError):  # with whatever it has started
                    os.killpg(process.pid, signal.SIGKILL)
    return said.rstrip().endswith(word.encode())


def _completed(document: dict[str, Any], answer: str) -> str:
    """A problem's function as the answer gives it, whole or as what follows the head, with the problem's tests."""
    code = code_of(answer)
    whole = re.search(rf"^def {re.escape(document['entry_point'])}\b", code, re.MULTILINE)
    # a head with its docstring is a function already; the answer's own comes after it
    return f"{document['prompt']}{chr(10) * 2 if whole else ''}{code}\n\n{document['test']}"


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_SIZE, FILE_SIZE))
