"""DoReMi asks for its two trainings and recommends what the second arrived at."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic import World, make_problem, no_pending, nothing

from admire.optimize.doremi import DoReMi


@pytest.fixture
def world():
    return World(make_problem(caps=[0.3, 1, 1, 1]), np.full(4, 0.25))


def propose(world, seen):
    return DoReMi().propose(
        world.problem, seen, no_pending(world.problem), q=2, budget=9.0, rng=np.random.default_rng(0)
    )


def test_reference_then_proxy_then_nothing(world):
    prior = world.problem.prior
    (reference,) = propose(world, nothing(world.problem))
    assert reference.size == 0 and reference.reference is None
    assert reference.weights == pytest.approx(prior)
    seen = world.train(reference.weights[None], np.array([0]), np.random.default_rng(0))
    (proxy,) = propose(world, seen)
    assert proxy.size == 0 and proxy.reference == pytest.approx(prior)
    both = world.train(np.stack([prior, proxy.weights]), np.array([0, 0]), np.random.default_rng(0))
    assert propose(world, both) == []


def test_a_reference_that_failed_gets_no_proxy(world):
    seen = world.train(world.problem.prior[None], np.array([0]), np.random.default_rng(0))
    assert propose(world, replace(seen, Y=np.full_like(seen.Y, np.nan))) == []


def test_learned_weights_come_within_the_caps(world):
    seen = world.train(np.full((2, 4), 0.25), np.array([0, 0]), np.random.default_rng(0))
    assert DoReMi().recommend(world.problem, seen).weights == pytest.approx(world.problem.prior)
    learned = np.array([np.full(4, np.nan), [0.6, 0.2, 0.1, 0.1]])
    found = DoReMi().recommend(world.problem, replace(seen, learned=learned))
    assert found.weights == pytest.approx([0.3, 0.3, 0.2, 0.2])
    assert "within the caps" in found.how
