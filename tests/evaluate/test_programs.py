"""Programs of a model: run against tests in a process of their own, and counted."""

import pytest

from admire.evaluate import programs

PROBLEM = {
    "prompt": 'from math import sqrt\n\n\ndef root(x):\n    """The square root."""\n',
    "test": "def check(candidate):\n    assert candidate(9) == 3",
    "entry_point": "root",
}


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("```python\ndef root(x):\n    return sqrt(x)\n```", True),
        ("Here it is:\n```\ndef root(x):\n    return sqrt(x)\n```\nand more", True),
        ("    return sqrt(x)\n", True),  # goes on where the prompt ends
        ("```python\ndef root(x):\n    return x\n```", False),
        ("```python\nimport sys\nsys.exit(0)\n```", False),  # leaving before the tests is no pass
        ("I cannot do that.", False),
    ],
)
def test_an_answer_is_run_against_the_problems_tests(answer, right):
    assert programs.humaneval(PROBLEM, [[answer] * 2]) == {"pass_at_10": float(right)}


def test_a_program_that_never_ends_is_ended(monkeypatch):
    monkeypatch.setattr(programs, "SECONDS", 1)
    assert not programs.passes("while True:\n    pass", "")
    assert not programs.passes("import time\ntime.sleep(60)", "")


def test_a_program_sees_nothing_of_this_process(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.chdir(tmp_path)
    assert programs.passes("import os\nassert 'HF_TOKEN' not in os.environ", "")
    assert programs.passes("open('left', 'w').close()", "") and not list(tmp_path.iterdir())
    assert not programs.passes("x = bytearray(20 << 30)", "")


def test_unit_tests_of_a_problem_are_counted():
    problem = {
        "code_prompt": "import random\ndef task_func(x):",
        "test": "import unittest\nclass TestCases(unittest.TestCase):\n"
        "    def test_it(self):\n        self.assertEqual(task_func(2), 4)\n",
    }
    assert programs.bigcodebench(problem, ["```python\ndef task_func(x):\n    return 2 * x\n```"]) == {"pass_at_1": 1.0}
    assert programs.bigcodebench(problem, ["```python\ndef task_func(x):\n    return x\n```"]) == {"pass_at_1": 0.0}


def test_pass_at_k_is_the_share_of_draws_with_a_pass():
    assert programs.pass_at_k(20, 0, 10) == 0
    assert programs.pass_at_k(20, 11, 10) == 1
    assert programs.pass_at_k(4, 1, 2) == pytest.approx(0.5)
