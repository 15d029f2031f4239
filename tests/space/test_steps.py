"""A training to a share of the steps: how long, where its decay begins, what going on costs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from admire.space.fidelities import Fidelities
from admire.space.steps import DECAY_SHARE, Steps

COSTS = (0.25, 0.5, 1.0, 1.0, 2.0, 4.0)
LEVELS = Fidelities(tuple("abcdef"), COSTS, 5, (0.25, 0.5, 1, 0.25, 0.5, 1), (0, 0, 0, 1, 1, 1), kept=0.8)


@given(st.integers(1, 10**6), st.floats(0.01, 1))
def test_a_stop_is_a_training_of_its_own_length(whole, share):
    steps = Steps(whole, share)
    assert abs(steps.last - share * whole) <= 0.5
    assert abs(steps.decay - DECAY_SHARE * steps.last) <= 0.5
    assert steps.stable_end + steps.decay == steps.last


@given(st.integers(100, 10**6), st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_longer_one_has_at_least_the_stable_phase_of_a_shorter(whole, one, other):
    short, long = sorted((one, other))
    assert Steps(whole, short).stable_end <= Steps(whole, long).stable_end


def test_every_pass_ends_with_what_is_left_of_a_batch():
    assert Steps.of(rows=17, batch_size=8, epochs=2).whole == 6


def test_going_on_costs_the_steps_that_are_left_and_those_of_the_decay():
    assert LEVELS.price(2) == 1.0
    assert LEVELS.price(2, 0.25) == pytest.approx(1.0 - 0.8 * 0.25)
    assert LEVELS.price(4, 0.25) == pytest.approx(2.0 - 0.8 * 1.0)
    steps = {share: Steps(1000, share) for share in (0.25, 1)}
    taken = steps[1].last - steps[0.25].stable_end
    assert LEVELS.price(5, 0.25) == pytest.approx(4.0 * taken / 1000)


def test_only_larger_shares_of_the_same_model_go_on():
    assert [LEVELS.longer(i) for i in range(6)] == [[1, 2], [2], [], [4, 5], [5], []]
    assert LEVELS.whole == (2, 2, 2, 5, 5, 5)
    assert LEVELS.least == 0.25


def test_going_on_may_be_the_cheapest_that_there_is():
    assert Fidelities(("a", "b"), (0.9, 1.0), 1, (0.9, 1), (0, 0), kept=0.8).least == pytest.approx(1 - 0.72)


def test_without_models_each_fidelity_is_one_of_its_own():
    table = Fidelities(("S@100", "S"), (1.0, 2.0), 1, (0.5, 1.0))
    assert table.whole == (0, 1) and not table.longer(0) and table.price(1, 0.5) == 2.0
