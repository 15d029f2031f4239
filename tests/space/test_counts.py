"""Largest remainder: exact, close to the wish, within the limits."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from admire.space.counts import exact_counts

TOTALS = st.integers(1, 100_000)


@st.composite
def weights(draw, k=st.integers(1, 20)):
    found = draw(arrays(float, draw(k), elements=st.one_of(st.just(0.0), st.floats(1e-6, 10))))
    assume(found.sum() > 0)
    return found


@given(weights(), TOTALS)
def test_counts_sum_to_the_total_and_differ_from_the_wish_by_less_than_one(weights, total):
    counts = exact_counts(weights, total)
    assert counts.sum() == total
    assert (abs(counts - weights / weights.sum() * total) < 1 + 1e-6).all()


@given(weights(), TOTALS)
def test_counts_come_back_from_the_weights_they_make(weights, total):
    counts = exact_counts(weights, total)
    np.testing.assert_array_equal(exact_counts(counts / total, total), counts)


@given(weights(), TOTALS, st.data())
def test_limits_hold_and_the_total_stays(weights, total, data):
    limits = data.draw(arrays(np.int64, len(weights), elements=st.integers(0, 100_000)))
    assume(limits.sum() >= total)
    counts = exact_counts(weights, total, limits)
    assert counts.sum() == total
    assert ((counts >= 0) & (counts <= limits)).all()


@given(weights(), TOTALS)
def test_a_source_without_weight_gets_nothing_while_the_others_have_room(weights, total):
    assert (exact_counts(weights, total)[weights == 0] == 0).all()


def test_more_rows_than_the_sources_hold_are_refused():
    with pytest.raises(ValueError, match="can give 5 rows, 6 are needed"):
        exact_counts(np.array([0.5, 0.5]), 6, np.array([2, 3]))


def test_ties_go_to_the_first():
    np.testing.assert_array_equal(exact_counts(np.ones(3), 4), [2, 1, 1])


def test_a_limit_is_filled_up_from_the_largest_remainder():
    np.testing.assert_array_equal(exact_counts(np.array([0.8, 0.1, 0.1]), 10, np.array([5, 10, 10])), [5, 3, 2])
