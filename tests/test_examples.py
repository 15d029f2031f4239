"""The examples run as their own docstring says, and print mixtures that the table allows."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
CAPS = {"web": 1.0, "code": 0.6, "books": 0.3, "papers": 0.4}


def test_the_next_trial_and_the_recommendation():
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "next_trial.py")], cwd=EXAMPLES.parent, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    proposed, recommended = done.stdout.splitlines()
    assert re.match(r"next: (60M|1B) on ", proposed)
    for line in (proposed, recommended):
        weights = {name: float(value) for name, value in re.findall(r"(web|code|books|papers) (\d\.\d+)", line)}
        assert sum(weights.values()) == pytest.approx(1, abs=0.003)
        assert all(weights[name] <= cap + 0.001 for name, cap in CAPS.items())
    middle, low, high = map(float, re.search(r"loss ([\d.]+) \(([\d.]+) to ([\d.]+), 90 %\)", recommended).groups())
    assert low < middle < high
    # the best of the three runs of 1B in the table, all of which are worse than what small runs point to
    assert middle < min(
        float(row.split(",")[-1]) for row in (EXAMPLES / "runs.csv").read_text().split() if ",1B," in row
    )
