"""ADMIRE's decisions."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from synthetic import World, campaign, joined, make_problem, no_pending, nothing

from admire.optimize.acquisition import ACQUISITIONS, JOINT_ACQUISITIONS
from admire.optimize.admire import Admire
from admire.optimize.problem import Pending
from admire.optimize.random_search import Random
from admire.optimize.tried import Tried

BEST = np.array([0.4, 0.3, 0.2, 0.1])


def propose(problem, seen, pending=None, q=1, budget=50.0, seed=0):
    pending = no_pending(problem) if pending is None else pending
    return Admire().propose(problem, seen, pending, q=q, budget=budget, rng=np.random.default_rng(seed))


def begun(world, cheap=8, at_target=0, seed=0):
    """An initial design, and the prior and random mixtures at the target."""
    rng, problem = np.random.default_rng(seed), world.problem
    X = np.concatenate([problem.space.sample(cheap, rng), problem.prior[None], problem.space.sample(9, rng)])[
        : cheap + at_target
    ]
    return world.train(X, np.repeat([0, problem.fidelities.target], [cheap, at_target]), rng)


@pytest.fixture(scope="module")
def world():
    return World(make_problem(m=1), BEST)


def as_bytes(proposals):
    return [(p.weights.tobytes(), p.size, tuple(sorted(p.predicted.items())), p.why) for p in proposals]


def test_the_initial_design_is_one_batch_at_the_cheapest_size_with_the_prior(world):
    wanted = propose(world.problem, nothing(world.problem))
    assert [proposal.size for proposal in wanted] == [0] * 8
    assert any(np.allclose(proposal.weights, world.problem.prior) for proposal in wanted)


@pytest.mark.parametrize(("budget", "trials"), [(2.0, 4), (0.3, 1), (0.2, 0)])
def test_the_initial_design_takes_at_most_half_of_a_small_budget(world, budget, trials):
    assert len(propose(world.problem, nothing(world.problem), budget=budget)) == trials


def test_after_the_initial_design_the_prior_is_trained_at_the_target(world):
    (first,) = propose(world.problem, begun(world))
    assert first.size == 2
    assert np.allclose(first.weights, world.problem.prior)


def test_a_decision_says_what_it_expects(world):
    (proposal,) = propose(world.problem, begun(world, at_target=2))
    assert set(proposal.predicted) == {"mean", "sd", "acquisition"}
    assert proposal.predicted["sd"] > 0
    assert "expected improvement at L" in proposal.why


def test_the_same_input_gives_the_same_bytes_whatever_torchs_state(world):
    seen = begun(world, at_target=2)
    torch.manual_seed(1)
    first = propose(world.problem, seen, q=2)
    torch.manual_seed(2)
    before = torch.random.get_rng_state()
    assert as_bytes(propose(world.problem, seen, q=2)) == as_bytes(first)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_the_order_of_pending_trials_does_not_matter(world):
    seen = begun(world, at_target=2)
    pending = Pending(world.problem.space.sample(3, np.random.default_rng(3)), np.array([2, 0, 2]))
    turned = Pending(pending.X[::-1], pending.size[::-1])
    assert as_bytes(propose(world.problem, seen, pending)) == as_bytes(propose(world.problem, seen, turned))


def test_lanes_do_not_propose_what_is_pending(world):
    seen = begun(world, at_target=2)
    (first,) = propose(world.problem, seen)
    pending = Pending(first.weights[None], np.array([first.size]))
    (second,) = propose(world.problem, seen, pending)
    assert (second.weights, second.size) not in Tried(world.problem, seen, pending)
    if second.size == first.size:
        assert abs(second.weights - first.weights).sum() / 2 > 0.02


def test_a_mixture_is_trained_again_when_noise_is_what_is_left():
    """Two sources, trials on a fine grid, scores that are mostly noise: no mixture is unknown."""
    problem = make_problem(k=2, m=1, sizes=1)
    world = World(problem, np.array([0.6, 0.4]), noise=0.3)
    share = np.linspace(0.02, 0.98, 97)
    seen = world.train(np.column_stack([share, 1 - share]), np.zeros(97, dtype=int), np.random.default_rng(0))
    (proposal,) = propose(problem, seen)
    assert proposal.repeat
    assert (abs(seen.X - proposal.weights).max(1) == 0).any()


def test_a_batch_holds_distinct_trials_within_the_budget(world):
    wanted = propose(world.problem, begun(world, at_target=2), q=4, budget=5.0)
    assert 2 <= len(wanted) <= 4
    assert sum(world.problem.fidelities.costs[proposal.size] for proposal in wanted) <= 5.0
    tried = Tried(world.problem, nothing(world.problem), no_pending(world.problem))
    for proposal in wanted:
        assert (proposal.weights, proposal.size) not in tried
        tried.add(proposal.weights, proposal.size)


@pytest.mark.parametrize("at_target", [1, 3])
def test_smaller_trials_never_outnumber_those_at_the_target(world, at_target):
    seen = begun(world, cheap=8 + at_target, at_target=at_target)
    (proposal,) = propose(world.problem, seen)
    assert proposal.size == 2
    assert propose(world.problem, seen, budget=1.5) == []


def test_a_shortened_initial_design_is_not_made_up_for(world):
    """Four of the eight trials fitted into half of the budget 2; the rest of it does not go to smaller sizes first."""
    assert propose(world.problem, begun(world, cheap=4), budget=1.0) == []
    (proposal,) = propose(world.problem, begun(world, cheap=6), budget=1.7)
    assert proposal.size == 2


def test_while_nothing_has_a_score_random_mixtures_go_to_the_cheapest_size(world):
    failed = begun(world)
    failed = replace(failed, Y=np.full_like(failed.Y, np.nan))
    waiting = Pending(failed.X, failed.size)
    for seen, pending in ((failed, None), (nothing(world.problem), waiting)):
        (proposal,) = propose(world.problem, seen, pending)
        assert proposal.size == 0
        assert not (abs(failed.X - proposal.weights).sum(1) < 1e-3).any()
        assert (Admire().recommend(world.problem, seen).weights == world.problem.prior).all()


@pytest.mark.parametrize(("k", "caps"), [(2, None), (19, [0.01] + [0.2] * 18)])
def test_caps_are_respected(k, caps):
    problem = make_problem(k=k, m=1, caps=caps)
    world = World(problem, problem.space.fill(np.arange(k, 0.0, -1)))
    seen = begun(world, cheap=6, at_target=2)
    (proposal,) = propose(problem, seen)
    recommended = Admire().recommend(problem, seen)
    assert problem.space.contains(np.array([proposal.weights, recommended.weights]), tolerance=1e-9).all()


@pytest.mark.parametrize("trials", [1, 2])
def test_one_or_two_trials_are_enough_to_go_on(trials):
    problem = make_problem(sizes=1, initial=1)
    world = World(problem, BEST)
    seen = world.train(
        problem.space.sample(trials, np.random.default_rng(0)), np.zeros(trials, dtype=int), np.random.default_rng(1)
    )
    (proposal,) = propose(problem, seen)
    assert proposal.size == 0
    assert (proposal.weights, 0) not in Tried(problem, seen, no_pending(problem))


def test_a_pool_is_searched_and_every_row_bought_once():
    problem = make_problem(m=1)
    rng = np.random.default_rng(0)
    rows = problem.space.sample(4, rng)
    problem = replace(problem, pool=(rows, rows[:3], rows[:3]), initial=3)
    world = World(problem, BEST)
    seen = nothing(problem)
    while wanted := propose(problem, seen, budget=50.0):
        X, size = np.array([p.weights for p in wanted]), np.array([p.size for p in wanted])
        seen = joined(seen, world.train(X, size, rng))
    bought = [tuple(map(tuple, seen.X[seen.size == s])) for s in range(3)]
    assert all(len(set(rows)) == len(rows) for rows in bought)
    assert set(bought[2]) == set(map(tuple, rows[:3]))
    assert any((Admire().recommend(problem, seen).weights == row).all() for row in rows[:3])


WORLDS = {
    # best mixture, caps, does the cheapest size mislead, seeds, share of random's regret that is allowed
    "inside": ([0.4, 0.3, 0.2, 0.1], None, False, 1, 0.6),
    "edge": ([0.6, 0.4, 0.0, 0.0], None, False, 1, 0.6),
    "cap": ([0.25, 0.45, 0.3, 0.0], [0.25, 1, 1, 1], False, 1, 0.6),
    # the cheapest size prefers exactly what the target does not
    "misleads": ([0.5, 0.1, 0.1, 0.3], None, True, 2, 1.2),
}


@pytest.mark.parametrize("name", WORLDS)
def test_better_than_random_at_equal_cost(name):
    best, caps, misleads, seeds, share = WORLDS[name]
    world = World(make_problem(m=1, caps=caps), np.array(best), misleads)

    def regret(method, seed):
        return world.regret(method.recommend(world.problem, campaign(method, world, 8.0, seed)).weights)

    by_chance = np.mean([regret(Random(), seed) for seed in range(30)])
    assert np.mean([regret(Admire(), seed) for seed in range(seeds)]) <= share * by_chance


@pytest.mark.parametrize("acquisition", [*ACQUISITIONS, *JOINT_ACQUISITIONS])
def test_every_acquisition_spends_a_budget_and_learns(acquisition):
    world = World(make_problem(initial=6), np.array([0.1, 0.5, 0.3, 0.1]))
    method = Admire(acquisition=acquisition)
    seen = campaign(method, world, budget=8.0, seed=0)
    assert world.regret(method.recommend(world.problem, seen).weights) < world.regret(world.problem.prior)
