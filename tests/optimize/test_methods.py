"""What every method of the registry owes: the budget, the space, no trial twice, the same decisions from the same evidence."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic import World, campaign, make_problem, no_pending, nothing

from admire.errors import ConfigError
from admire.optimize.problem import Pending
from admire.optimize.registry import METHODS, build

BUDGET = 7.0
NAMES = [*METHODS, "transfer:admire@S", "transfer:regmix-linear@L"]
# the others ask for no mixture but their own
SEARCHING = [name for name in NAMES if name not in ("prior", "uniform", "doremi", "design")]


@pytest.fixture(scope="module")
def world():
    return World(make_problem(caps=[0.3, 1, 1, 1], initial=6), np.array([0.3, 0.4, 0.2, 0.1]))


@pytest.fixture(scope="module")
def played(world):
    """Each method's trials and recommendation, played once."""
    found = {}

    def play(name):
        if name not in found:
            seen = campaign(build(name), world, BUDGET, seed=1)
            found[name] = seen, build(name).recommend(world.problem, seen)
        return found[name]

    return play


@pytest.mark.parametrize("name", NAMES)
def test_the_recommendation_lies_in_the_space_and_is_explained(world, played, name):
    _, recommendation = played(name)
    assert world.problem.space.contains(recommendation.weights)
    assert recommendation.how


@pytest.mark.parametrize("name", SEARCHING)
def test_no_trial_is_asked_for_twice(played, name):
    seen, _ = played(name)
    keys = {(x.round(6).tobytes(), *which) for x, *which in zip(seen.X, seen.size, seen.replicate, strict=True)}
    assert len(keys) == seen.n


@pytest.mark.parametrize("name", NAMES)
def test_before_anything_was_seen_and_when_all_failed_it_still_answers(world, name):
    problem, method = world.problem, build(name)
    assert problem.space.contains(method.recommend(problem, nothing(problem)).weights)
    failed = world.train(
        problem.space.sample(4, np.random.default_rng(0)), np.array([0, 0, 2, 2]), np.random.default_rng(1)
    )
    failed = replace(failed, Y=np.full_like(failed.Y, np.nan))
    assert problem.space.contains(method.recommend(problem, failed).weights)
    wanted = method.propose(problem, failed, no_pending(problem), q=2, budget=4.0, rng=np.random.default_rng(2))
    assert sum(problem.fidelities.costs[proposal.size] for proposal in wanted) <= 4.0


@pytest.mark.parametrize("name", SEARCHING)
def test_the_same_evidence_gives_the_same_trials_and_none_that_is_pending(world, played, name):
    problem = world.problem
    seen, _ = played(name)
    seen = replace(
        seen,
        **{key: getattr(seen, key)[:4] for key in ("X", "size", "Y", "stderr", "cost", "replicate", "learned")},
    )

    def wanted(pending):
        return build(name).propose(problem, seen, pending, q=2, budget=BUDGET, rng=np.random.default_rng(3))

    first, again = wanted(no_pending(problem)), wanted(no_pending(problem))
    assert [(p.weights.tobytes(), p.size) for p in first] == [(p.weights.tobytes(), p.size) for p in again]
    pending = Pending(first[0].weights[None], np.array([first[0].size]))
    for proposal in wanted(pending):
        same = proposal.size == first[0].size and np.allclose(proposal.weights, first[0].weights, atol=1e-4)
        assert not same


@pytest.mark.parametrize("name", ["regmix-linear", "regmix-lightgbm", "svr", "mixing-law", "transfer:admire@S"])
def test_proxies_never_train_the_target(played, name):
    seen, _ = played(name)
    assert set(seen.size) == {0}


@pytest.mark.parametrize("name", ["admire", "svr"])
def test_it_learns_something(world, played, name):
    """Better than the uniform mixture, on a smooth problem whose sizes agree."""
    _, recommendation = played(name)
    assert world.regret(recommendation.weights) < 0.8 * world.regret(world.problem.prior)


def test_the_papers_method_learns_more_often_than_not(world):
    """Its maximum likelihood fits go astray in one of six campaigns here, so that one campaign tells nothing."""
    found = []
    for seed in range(3):
        seen = campaign(build("admire-mfbo"), world, 5.5, seed)
        found.append(world.regret(build("admire-mfbo").recommend(world.problem, seen).weights))
    assert np.median(found) < world.regret(world.problem.prior)


def test_halving_promotes_the_best_third(played):
    seen, _ = played("successive-halving")
    promoted = seen.X[seen.size == 1]
    assert len(promoted)
    below = {x.round(6).tobytes() for x in seen.X[seen.size == 0]}
    assert all(x.round(6).tobytes() in below for x in promoted)


def test_hyperband_begins_at_every_size(played):
    assert set(played("hyperband")[0].size) == {0, 1, 2}


def test_a_transfer_from_no_size_is_refused(world):
    with pytest.raises(ConfigError, match="there is no such size; the sizes are S, M, L"):
        build("transfer:admire@XL").recommend(world.problem, nothing(world.problem))
