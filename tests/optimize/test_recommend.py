"""The recommendation, its honesty, and what the report asks of the model."""

import numpy as np
import pytest
from synthetic import World, make_problem, nothing

from admire.optimize.acquisition import candidates
from admire.optimize.admire import Admire
from admire.optimize.diagnostics import influence, loo_predictions

BEST = np.array([0.55, 0.35, 0.1, 0.0])


def observed(world, counts, seed=0):
    size = np.repeat(np.arange(len(counts)), counts)
    rng = np.random.default_rng(seed)
    return world.train(world.problem.space.sample(len(size), rng), size, rng)


@pytest.fixture(scope="module")
def world():
    return World(make_problem(), BEST)


@pytest.fixture(scope="module")
def recommendation(world):
    return Admire().recommend(world.problem, observed(world, [14, 0, 10]))


def test_a_well_observed_optimum_is_found(world, recommendation):
    assert world.regret(recommendation.weights) < 0.1 * world.regret(world.problem.prior)
    assert world.problem.space.contains(recommendation.weights)


def test_the_interval_holds_the_truth_and_the_prior_is_beaten(world, recommendation):
    truth = world.problem.objective(world.truth(recommendation.weights, 2))
    assert recommendation.low <= truth <= recommendation.high
    assert recommendation.low < recommendation.mean < recommendation.high
    assert recommendation.beats_prior > 0.95


def test_the_range_of_good_mixtures_holds_the_recommendation(world, recommendation):
    low, high = recommendation.weights_low, recommendation.weights_high
    assert (low <= recommendation.weights).all()
    assert (recommendation.weights <= high).all()
    assert (low >= 0).all()
    assert (high <= world.problem.space.caps).all()
    assert (high - low).max() > 0.005


def test_accuracy_is_at_the_target_once_it_has_four_trials(world, recommendation):
    assert recommendation.accuracy["size"] == 2
    assert recommendation.accuracy["n"] == 10
    assert recommendation.accuracy["r2"] > 0.5
    assert "left-out trials at L" in recommendation.how


def test_accuracy_says_at_which_size_it_was_measured(world):
    found = Admire().recommend(world.problem, observed(world, [10, 0, 0]))
    assert found.accuracy["size"] == 0
    assert "left-out trials at S" in found.how
    assert "no trial at L yet" in found.how


def test_chances_to_be_best_are_shared_with_the_best_observed(recommendation):
    both = recommendation.is_best + recommendation.observed_is_best
    assert 0 < recommendation.is_best <= 1
    assert 0 <= recommendation.observed_is_best <= 1
    assert both <= 1 or recommendation.is_best == recommendation.observed_is_best


@pytest.mark.parametrize(("misleads", "words"), [(False, "is trusted with"), (True, "do not agree with L")])
def test_it_says_in_words_whether_sizes_agree(misleads, words):
    """The small size that misleads says nothing about the target, so that no sign can be learnt."""
    problem = make_problem(m=1)
    plain = World(problem, BEST)
    seen = observed(plain, [16, 0, 12])
    if misleads:
        rng = np.random.default_rng(5)
        seen.Y[:16] = rng.permutation(seen.Y[:16])
    found = Admire().recommend(problem, seen)
    assert words in found.how
    assert (found.all_sizes_weight < 0.5) == misleads


def test_more_trials_leave_less_to_gain(world, recommendation):
    early = Admire().recommend(world.problem, observed(world, [5, 0, 1]))
    assert early.gain_per_cost > recommendation.gain_per_cost > 0


def test_the_same_evidence_gives_the_same_bytes(world):
    seen = observed(world, [6, 0, 2])
    first, second = (Admire().recommend(world.problem, seen) for _ in range(2))
    assert first.weights.tobytes() == second.weights.tobytes()
    assert (first.low, first.high, first.gain_per_cost) == (second.low, second.high, second.gain_per_cost)


def test_nothing_seen_recommends_the_prior(world):
    found = Admire().recommend(world.problem, nothing(world.problem))
    assert (found.weights == world.problem.prior).all()
    assert found.mean is None


def test_left_out_predictions_cover_what_was_observed(world):
    seen = observed(world, [14, 0, 10])
    seen.Y[2, 1] = np.nan
    index, mean, sd = loo_predictions(world.problem, seen)
    assert 2 not in index
    assert len(index) == 23
    hit = abs(world.problem.objective(seen.Y)[index] - mean) <= 1.645 * sd
    assert hit.mean() >= 0.75
    assert [len(part) for part in loo_predictions(world.problem, nothing(world.problem))] == [0, 0, 0]


def test_influence_has_the_direction_of_the_truth():
    problem = make_problem(m=3, weights=[-1, -1, 0], caps=[1, 1, 1, 0.3])
    world = World(make_problem(caps=[1, 1, 1, 0.3]), BEST)
    seen = observed(world, [14, 0, 10])
    seen = type(seen)(
        **{**vars(seen), "Y": np.column_stack([seen.Y, seen.Y[:, 0]]), "stderr": np.full((24, 3), np.nan)}
    )
    found = influence(problem, seen)
    assert found.shape == (4, 3)
    assert np.isnan(found[:, 2]).all()
    # much of source 0 is right, all of source 2 is wrong: the summed loss says so
    assert found[0, :2].sum() < found[2, :2].sum()
    assert found[2, :2].sum() > 0
    assert np.isnan(influence(problem, nothing(problem))).all()


def test_searches_start_inside_the_caps_though_counts_of_a_smaller_total_lie_a_fraction_of_a_row_above():
    problem = make_problem(k=4, m=1, caps=[0.2188, 1.0, 1.0, 1.0])
    seen = np.array([[0.219, 0.4, 0.3, 0.081], [0.219, 0.781, 0.0, 0.0]])
    starts = candidates(problem, seen, np.random.default_rng(0))
    assert problem.space.contains(starts, tolerance=1e-12).all()
