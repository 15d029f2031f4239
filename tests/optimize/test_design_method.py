"""The design: as many mixtures a size as asked for, the larger sizes' among the smaller ones', around the prior, once."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from synthetic import World, make_problem, no_pending, nothing

from admire.errors import ConfigError
from admire.optimize.registry import build

COUNTS = (256, 128, 76)


def drawn(problem, budget=1e9, seed=0):
    rng = np.random.default_rng(seed)
    return build("design").propose(problem, nothing(problem), no_pending(problem), q=1, budget=budget, rng=rng)


@pytest.fixture(scope="module")
def problem():
    made = make_problem(k=6, caps=[0.2, 1, 1, 1, 1, 1])
    return replace(made, prior=np.array([0.05, 0.35, 0.25, 0.2, 0.1, 0.05]), design=(COUNTS, 48.0))


def test_sizes_train_the_first_of_the_same_mixtures(problem):
    by_size = [[p.weights for p in drawn(problem) if p.size == size] for size in range(3)]
    assert tuple(map(len, by_size)) == COUNTS
    for smaller, larger in itertools.pairwise(by_size):
        assert np.array_equal(smaller[: len(larger)], larger)
    counts = {(np.array(weights) * 2000).round().tobytes() for weights in by_size[0]}
    assert len(counts) == 256 and all(problem.space.contains(weights) for weights in by_size[0])


def test_mixtures_scatter_around_the_prior_as_a_dirichlet_does(problem):
    X = np.array([p.weights for p in drawn(problem) if p.size == 0])
    prior = problem.prior
    assert np.allclose(X.mean(0), prior, atol=0.02)
    assert np.allclose(X.var(0)[1:], (prior * (1 - prior) / 49)[1:], rtol=0.35)


def test_the_seed_alone_decides_and_nothing_follows(problem):
    first, again, other = drawn(problem), drawn(problem), drawn(problem, seed=1)
    assert all(np.array_equal(a.weights, b.weights) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0].weights, other[0].weights)
    seen = World(problem, problem.prior).train(first[0].weights[None], np.array([0]), np.random.default_rng(0))
    method, rng = build("design"), np.random.default_rng(0)
    assert method.propose(problem, seen, no_pending(problem), q=1, budget=1e9, rng=rng) == []


def test_a_smaller_budget_buys_the_first_of_them(problem):
    costs = problem.fidelities.costs
    bought = drawn(problem, budget=256 * costs[0] + 2.5 * costs[1])
    assert [p.size for p in bought] == [0] * 256 + [1] * 2


def test_more_mixtures_than_there_are_is_refused():
    problem = replace(make_problem(k=2, total=3), design=((9, 0, 0), 2.0))
    with pytest.raises(ConfigError, match=r"optimizer\.design\.trials: only \d of 9 mixtures differ"):
        drawn(problem)
