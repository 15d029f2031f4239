"""Scores programs that a model wrote: takes them out of its answers and runs them against a benchmark's tests.

This happens only for suites with `runs_code: true`. `sandbox` runs the programs; docs/security.md says what they can do.
"""

from __future__ import annotations

import math
import re
from typing import Any

from admire.evaluate.code_blocks import code_of
from admire.evaluate.sandbox.box import current


def humaneval(document: dict[str, Any], results: list[list[str]]) -> dict[str, float]:
    """pass@10 of a HumanEval problem: the probability that at least one of ten samples passes, estimated from all samples.

    Args:
        document: the problem: `prompt` (a function's head), `test` (code that defines `check`) and `entry_point` (its name).
        results: a list of one list, the samples.
    """
    problem = {key: document[key] for key in ("prompt", "test", "entry_point")}
    passed = sum(current().passes_calls(_completed(document, answer), **problem) for answer in results[0])
    return {"pass_at_10": pass_at_k(len(results[0]), passed, 10)}


def bigcodebench(document: dict[str, Any], results: list[str]) -> dict[str, float]:
    """1 if the answer to a BigCodeBench problem passes the problem's unit tests, else 0.

    Args:
        document: the problem: `code_prompt` (imports and the function's head) and `test` (code of a `unittest.TestCase`).
        results: a list of one string, the answer.
    """
    program = f"{document['code_prompt']}\n    pass\n\n{code_of(results[0])}\n\n{document['test']}"
    return {"pass_at_1": float(current().passes_unit_tests(program))}


def pass_at_k(n: int, passed: int, k: int) -> float:
    """Unbiased estimate of pass@k, the probability that one of `k` samples passes, if `passed` of `n` did (arXiv 2107.03374)."""
    return 1.0 - math.comb(n - passed, min(k, n)) / math.comb(n, min(k, n))


def _completed(document: dict[str, Any], answer: str) -> str:
    """The program of an answer, which holds either the whole function or only the body that follows the prompt's head."""
    code = code_of(answer)
    whole = re.search(rf"^def {re.escape(document['entry_point'])}\b", code, re.MULTILINE)
    # The prompt's head with its docstring is already a valid function; an answer's whole function replaces it further down.
    return f"{document['prompt']}{chr(10) * 2 if whole else ''}{code}\n"
