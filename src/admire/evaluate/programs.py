"""Programs that a model wrote: taken out of its answer, run against a benchmark's tests, counted.

Only suites that say `runs_code: true` come here. `sandbox` runs the programs; docs/security.md says what they can do and what
they cannot.
"""

from __future__ import annotations

import math
import re
from typing import Any

from admire.evaluate.code_blocks import code_of
from admire.evaluate.sandbox.box import current


def humaneval(document: dict[str, Any], results: list[list[str]]) -> dict[str, float]:
    """The chance that one of ten samples passes a HumanEval problem, from all samples.

    Args:
        document: `prompt` (a function's head), `test` (defines `check`) and `entry_point`.
        results: the samples, one list.
    """
    problem = {key: document[key] for key in ("prompt", "test", "entry_point")}
    passed = sum(current().passes_calls(_completed(document, answer), **problem) for answer in results[0])
    return {"pass_at_10": pass_at_k(len(results[0]), passed, 10)}


def bigcodebench(document: dict[str, Any], results: list[str]) -> dict[str, float]:
    """1 when a BigCodeBench problem's answer passes its unit tests.

    Args:
        document: `code_prompt` (imports and the function's head) and `test` (a `unittest.TestCase`).
        results: the answer, one string.
    """
    program = f"{document['code_prompt']}\n    pass\n\n{code_of(results[0])}\n\n{document['test']}"
    return {"pass_at_1": float(current().passes_unit_tests(program))}


def pass_at_k(n: int, passed: int, k: int) -> float:
    """The chance that one of `k` samples passes, unbiased from `n` of which some `passed` (Chen et al. 2021, arXiv 2107.03374)."""
    return 1.0 - math.comb(n - passed, min(k, n)) / math.comb(n, min(k, n))


def _completed(document: dict[str, Any], answer: str) -> str:
    """A problem's function as the answer gives it, whole or as what follows the head."""
    code = code_of(answer)
    whole = re.search(rf"^def {re.escape(document['entry_point'])}\b", code, re.MULTILINE)
    # a head with its docstring is a function already; the answer's own comes after it
    return f"{document['prompt']}{chr(10) * 2 if whole else ''}{code}\n"
