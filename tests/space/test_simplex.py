"""The capped simplex: every way to make a mixture ends inside it."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from admire.errors import ConfigError
from admire.space.simplex import CappedSimplex


@st.composite
def spaces(draw):
    """Two to nine sources, with caps that are often tight and sometimes zero."""
    k = draw(st.integers(2, 9))
    caps = draw(arrays(float, k, elements=st.one_of(st.just(0.0), st.floats(1e-3, 1.5))))
    assume(np.minimum(caps, 1).sum() >= 1)
    return CappedSimplex(tuple(f"source{i}" for i in range(k)), caps)


@st.composite
def spaces_and_points(draw, low, high):
    space = draw(spaces())
    return space, draw(arrays(float, space.k, elements=st.floats(low, high)))


@given(spaces_and_points(-5, 5))
def test_projection_lies_inside_and_stays(space_and_point):
    space, point = space_and_point
    projected = space.project(point)
    assert space.contains(projected, tolerance=1e-9).all()
    np.testing.assert_allclose(space.project(projected), projected, atol=1e-9)


@given(spaces_and_points(-5, 5), st.integers(0, 2**32 - 1))
def test_no_mixture_is_nearer_than_the_projection(space_and_point, seed):
    space, point = space_and_point
    distance = np.linalg.norm(space.project(point)[0] - point)
    others = space.sample(20, np.random.default_rng(seed))
    assert (np.linalg.norm(others - point, axis=1) >= distance - 1e-7).all()


@given(spaces_and_points(0, 3))
def test_filling_keeps_proportions_below_the_caps(space_and_weights):
    space, weights = space_and_weights
    assume(weights.sum() > 0)
    filled = space.fill(weights)
    assert space.contains(filled, tolerance=1e-9)
    free = (weights > 1e-6) & (filled < space.caps - 1e-6)
    if free.sum() > 1:
        ratios = filled[free] / weights[free]
        np.testing.assert_allclose(ratios, ratios[0], rtol=1e-5)


def test_filling_hands_what_exceeds_a_cap_to_the_others_in_proportion():
    space = CappedSimplex(("a", "b", "c"), np.array([0.2, 1.0, 1.0]))
    np.testing.assert_allclose(space.fill(np.array([2.0, 1.0, 1.0])), [0.2, 0.4, 0.4])


def test_a_source_without_weight_stays_empty_while_the_others_can_hold_everything():
    space = CappedSimplex(("a", "b", "c"), np.array([0.6, 0.6, 0.6]))
    assert space.fill(np.array([1.0, 1.0, 0.0]))[2] == 0
    np.testing.assert_allclose(space.fill(np.array([1.0, 0.0, 0.0])), [0.6, 0.2, 0.2])


@given(spaces(), st.integers(1, 30), st.integers(0, 2**32 - 1), st.sampled_from([0.05, 1.0, 20.0]))
def test_samples_lie_inside_and_follow_the_seed(space, n, seed, concentration):
    drawn = space.sample(n, np.random.default_rng(seed), concentration)
    assert drawn.shape == (n, space.k)
    assert space.contains(drawn, tolerance=1e-9).all()
    np.testing.assert_array_equal(drawn, space.sample(n, np.random.default_rng(seed), concentration))


def test_caps_that_no_mixture_can_fill_are_refused_in_a_sentence():
    with pytest.raises(ConfigError, match=r"caps sum to 0\.700.*raise mixture\.max_epochs"):
        CappedSimplex(("a", "b"), np.array([0.3, 0.4]))


def test_a_negative_cap_names_its_source():
    with pytest.raises(ConfigError, match="source 'b' is below zero"):
        CappedSimplex(("a", "b", "c"), np.array([1.0, -0.1, 1.0]))
