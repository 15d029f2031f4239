"""Trials that stop early: what counts as tried, what going on costs, and methods that go on."""

import numpy as np
import pytest
from synthetic import World, campaign, joined, make_stopping_problem, no_pending, nothing

from admire.optimize.acquisition import evaluate, log_expected_improvement
from admire.optimize.admire import Admire
from admire.optimize.problem import Pending
from admire.optimize.registry import METHODS, build
from admire.optimize.surrogates.fidelity_kernels import FIDELITY_KERNELS
from admire.optimize.surrogates.gaussian_process import GaussianProcesses, Kernels
from admire.optimize.surrogates.model_average import ModelAverage
from admire.optimize.tried import Tried

S_QUARTER, S_HALF, L_QUARTER, S, L_HALF, L = range(6)
X = np.array([[0.5, 0.5, 0.0, 0.0]])
NAMES = [name for name, entry in METHODS.items() if entry.stops and name not in ("prior", "uniform")]


@pytest.fixture(scope="module")
def world():
    return World(make_stopping_problem(initial=6), np.array([0.4, 0.4, 0.15, 0.05]))


def trained(world, size):
    return world.train(X, np.array([size]), np.random.default_rng(0))


class TestTried:
    def test_a_finished_trial_goes_on_for_the_difference(self, world):
        tried = Tried(world.problem, trained(world, S_QUARTER), no_pending(world.problem))
        costs = world.problem.fidelities.costs
        assert (X[0], S_QUARTER) in tried and (X[0], S_HALF) not in tried and (X[0], L_QUARTER) not in tried
        assert tried.price(X[0], S) == pytest.approx(costs[S] * (1 - 0.2))
        assert tried.price(X[0], L) == costs[L]
        assert [longer for _, longer in tried.stopped()] == [[S_HALF, S]]

    def test_nothing_goes_back(self, world):
        seen = joined(trained(world, S_QUARTER), trained(world, S))
        tried = Tried(world.problem, seen, no_pending(world.problem))
        assert (X[0], S_HALF) in tried and not tried.stopped()

    def test_what_is_on_its_way_or_failed_does_not_go_on(self, world):
        problem = world.problem
        waiting = Tried(problem, nothing(problem), Pending(X, np.array([S_QUARTER])))
        failed = trained(world, S_QUARTER)
        failed.Y[:] = np.nan
        for tried in (waiting, Tried(problem, failed, no_pending(problem))):
            assert (X[0], S) in tried and not tried.stopped()
            assert (X[0], L_QUARTER) not in tried


@pytest.mark.parametrize("name", NAMES)
def test_methods_spend_no_more_than_the_budget_and_never_go_back(world, name):
    seen = campaign(build(name), world, 3.5, seed=2)  # checks each proposal
    assert seen.n and seen.cost.sum() <= 3.5 + 1e-9
    assert world.problem.space.contains(build(name).recommend(world.problem, seen).weights)


@pytest.mark.parametrize("acquisition", ["thompson", "kg-per-cost", "mes-per-cost"])
def test_other_acquisitions_see_the_price_too(world, acquisition):
    seen = campaign(Admire(acquisition=acquisition), world, 2.6, seed=2)
    assert seen.cost.sum() <= 2.6 + 1e-9 and L in seen.size


def test_halving_goes_on_with_the_best(world):
    seen = campaign(build("successive-halving"), world, 5.0, seed=2)
    went_on = seen.cost < np.array(world.problem.fidelities.costs)[seen.size] - 1e-9
    assert went_on.any() and set(seen.size[went_on]) <= {S_HALF, S, L_HALF, L}


def test_a_good_mixture_that_stopped_late_is_continued(world):
    """What is left of it costs little, and it is the best."""
    problem = world.problem
    others = problem.space.sample(8, np.random.default_rng(0))
    many = np.concatenate([others, world.best[None]])
    seen = world.train(many, np.array([S_QUARTER] * 8 + [L_HALF]), np.random.default_rng(1))
    seen = joined(seen, world.train(problem.prior[None], np.array([L]), np.random.default_rng(2)))
    price = problem.fidelities.price(L, 0.5)
    left = price + 0.01  # a new trial at the target is out of reach
    assert problem.fidelities.costs[L] > left
    method = Admire()
    wanted = method.propose(problem, seen, no_pending(problem), q=1, budget=left, rng=np.random.default_rng(3))
    assert [(p.size, abs(p.weights - world.best).max() < 1e-9) for p in wanted] == [(L, True)]
    assert f"resumes to L@1.0 for {price:.4g}" in wanted[0].why


@pytest.mark.parametrize("fidelity", FIDELITY_KERNELS)
def test_the_whole_training_is_learnt_from_early_stops(world, fidelity):
    """Of one model: its early trials order mixtures nearly as its whole trainings do."""
    problem, rng = world.problem, np.random.default_rng(0)
    seen = world.train(problem.space.sample(30, rng), np.full(30, L_HALF), rng)
    surrogate = GaussianProcesses.fit(problem, seen, Kernels(fidelity=fidelity))
    new = problem.space.sample(40, rng)
    truth = np.array([problem.objective(world.truth(x, L)) for x in new])
    assert np.corrcoef(surrogate.means(new, L), truth)[0, 1] > 0.8


def test_a_longer_training_tells_more_about_the_whole_one(world):
    problem, rng = world.problem, np.random.default_rng(0)
    sizes = np.repeat([S_QUARTER, L_QUARTER, L_HALF, L], 6)
    surrogate = ModelAverage.fit(problem, world.train(problem.space.sample(24, rng), sizes, rng)).models[0]
    told = [surrogate.information(problem.prior, size) for size in (L_QUARTER, L_HALF, L)]
    assert told == sorted(told)


def test_expected_improvement_is_finite_at_what_stopped(world):
    problem, rng = world.problem, np.random.default_rng(0)
    seen = world.train(problem.space.sample(12, rng), np.repeat([S_QUARTER, L_QUARTER], 6), rng)
    surrogate = ModelAverage.fit(problem, seen).models[0]
    gains = evaluate(log_expected_improvement(surrogate, 0.0, seen.X), seen.X)
    assert np.isfinite(gains).all()
