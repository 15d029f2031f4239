"""Mixtures that no model chose, and what counts as tried."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic import World, joined, make_problem, no_pending, nothing

from admire.optimize.problem import Pending
from admire.optimize.random_search import Random
from admire.optimize.tried import Tried, random_mixtures, spread_mixtures
from admire.space.counts import exact_counts

HALVES = np.array([[0.5, 0.5, 0.0, 0.0]])


def test_the_same_counts_are_the_same_trial():
    problem = make_problem(total=100)
    tried = Tried(problem, nothing(problem), Pending(HALVES, np.array([1])))
    assert (np.array([0.502, 0.498, 0.0, 0.0]), 1) in tried
    assert (np.array([0.51, 0.49, 0.0, 0.0]), 1) not in tried
    assert (HALVES[0], 0) not in tried


def test_further_replicates_do_not_count():
    problem = make_problem()
    world = World(problem, problem.prior)
    seen = world.train(HALVES, np.array([2]), np.random.default_rng(0))
    assert (HALVES[0], 2) in Tried(problem, seen, no_pending(problem))
    again = replace(seen, replicate=np.array([1]))
    assert (HALVES[0], 2) not in Tried(problem, again, no_pending(problem))


@pytest.mark.parametrize("draw", [random_mixtures, spread_mixtures])
def test_mixtures_are_new_distinct_and_inside(draw):
    problem = make_problem(k=19, caps=[0.02] + [0.3] * 18, total=500)
    tried = Tried(problem, nothing(problem), no_pending(problem))
    mixtures = draw(problem, tried, 0, 40, np.random.default_rng(0))
    assert problem.space.contains(np.array(mixtures)).all()
    assert len({exact_counts(x, 500).tobytes() for x in mixtures}) == 40
    assert not draw(problem, tried, 0, 0, np.random.default_rng(0))


def test_a_used_up_lattice_gives_what_there_is():
    problem = make_problem(k=2, total=3)
    mixtures = random_mixtures(
        problem, Tried(problem, nothing(problem), no_pending(problem)), 0, 10, np.random.default_rng(0)
    )
    assert len(mixtures) == 4  # 0, 1, 2 or 3 rows of the first source


def test_spread_mixtures_start_at_the_prior_and_lie_further_apart():
    problem = make_problem()

    def nearest(draw):
        tried = Tried(problem, nothing(problem), no_pending(problem))
        x = np.cbrt(np.array(draw(problem, tried, 0, 12, np.random.default_rng(1))))
        distance = np.linalg.norm(x[:, None] - x, axis=-1) + 9 * np.eye(12)
        return x[0], distance.min()

    first, apart = nearest(spread_mixtures)
    assert np.allclose(first**3, problem.prior)
    assert apart > 1.5 * nearest(random_mixtures)[1]


class TestRandom:
    def test_trials_go_to_the_target_within_the_budget(self):
        problem = make_problem()
        wanted = Random().propose(
            problem, nothing(problem), no_pending(problem), q=9, budget=5.0, rng=np.random.default_rng(0)
        )
        assert [proposal.size for proposal in wanted] == [2, 2, 2]

    def test_a_pool_is_bought_once(self):
        rows = np.eye(4)
        problem = replace(make_problem(), pool=(rows, rows, rows))
        wanted = Random().propose(
            problem,
            nothing(problem),
            Pending(rows[:1], np.array([2])),
            q=9,
            budget=99.0,
            rng=np.random.default_rng(0),
        )
        assert {int(proposal.weights.argmax()) for proposal in wanted} == {1, 2, 3}

    def test_the_best_observed_at_the_target_is_recommended(self):
        problem = make_problem()
        world = World(problem, np.array([1.0, 0, 0, 0]), noise=0.0)
        rng = np.random.default_rng(0)
        assert (Random().recommend(problem, nothing(problem)).weights == problem.prior).all()
        small = world.train(np.eye(4)[:1], np.array([0]), rng)
        assert (Random().recommend(problem, small).weights == problem.prior).all()
        seen = joined(small, world.train(np.array([[0.1, 0.9, 0, 0], [0.6, 0.4, 0, 0]]), np.array([2, 2]), rng))
        assert (Random().recommend(problem, seen).weights == [0.6, 0.4, 0, 0]).all()
