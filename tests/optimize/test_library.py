"""The optimiser is a library: its names come from one place, a problem is built of arrays, and it brings no campaign along."""

import json
import subprocess
import sys

import numpy as np
import pytest

import admire.optimize
from admire.optimize.surrogates import model_average

SCRIPT = """
import json, sys
import numpy as np
from admire.optimize import CappedSimplex, Fidelities, Objective, Observations, Pending, Problem
light = "torch" not in sys.modules
space = CappedSimplex(("web", "code", "books"), np.array([1.0, 0.5, 0.4]))
problem = Problem(
    space=space,
    fidelities=Fidelities(("small", "large"), costs=(1.0, 8.0), target=1),
    objective=Objective(("loss",), np.array([-1.0])),
    prior=space.fill(np.ones(3)),
    totals=(10_000, 10_000),
)
rng = np.random.default_rng(0)
X = space.sample(8, rng)
seen = Observations(X=X, size=[0, 0, 0, 0, 0, 0, 1, 1], Y=2 - np.sqrt(X[:, :1]), cost=np.full(8, 1.0))
from admire.optimize import Admire
(wanted,) = Admire().propose(problem, seen, Pending.none(problem), q=1, budget=20.0, rng=rng)
weights = Admire().recommend(problem, seen).weights
rooms = sorted({name.split(".")[1] for name in sys.modules if name.startswith("admire.")})
print(json.dumps([light, bool(space.contains(np.array([wanted.weights, weights])).all()), weights.tolist(), rooms]))
"""


def test_a_problem_of_arrays_is_solved_without_a_campaign():
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    light, within, weights, rooms = json.loads(done.stdout.splitlines()[-1])
    assert light and within and weights[0] == max(weights)
    assert set(rooms) <= {"allocator", "earlier_names", "errors", "optimize", "space"}


@pytest.mark.parametrize("name", admire.optimize.__all__)
def test_every_name_is_there(name):
    assert getattr(admire.optimize, name).__name__ == name if name != "METHODS" else admire.optimize.METHODS


def test_a_name_that_is_not_there_is_no_attribute():
    with pytest.raises(AttributeError, match="no attribute 'Admir'"):
        _ = admire.optimize.Admir


def test_a_fit_is_shared_only_where_all_that_it_depends_on_is_the_same():
    from dataclasses import replace

    from synthetic import World, make_problem

    problem = make_problem(k=3, sizes=2)
    rng = np.random.default_rng(0)
    seen = World(problem, problem.prior).train(problem.space.sample(6, rng), np.array([0, 0, 0, 1, 1, 0]), rng)
    first = model_average.ModelAverage.fit(problem, seen)
    assert model_average.ModelAverage.fit(problem, replace(seen, X=seen.X.copy())) is first
    known = replace(seen, stderr=np.full(seen.Y.shape, 0.1))
    fidelities = replace(problem.fidelities, kept=0.5)
    assert model_average.ModelAverage.fit(problem, known) is not first
    assert model_average.ModelAverage.fit(replace(problem, fidelities=fidelities), seen) is not first
    assert model_average.ModelAverage.fit(problem, replace(seen, size=1 - seen.size)) is not first
