"""Problems whose best mixture is known: inside the simplex, on an edge, at a cap, at a vertex; one whose small size misleads."""

import numpy as np
import pytest
from synthetic import World, campaign, make_problem

from admire.optimize.admire import Admire
from admire.optimize.random_search import Random

pytestmark = pytest.mark.loop

NOISE = 0.001
WORLDS = {
    # best mixture, caps, does the small size order mixtures the other way round, budget (a trial at the target costs 1.6)
    "inside": ([0.4, 0.3, 0.2, 0.1], None, False, 32.0),
    "edge": ([0.6, 0.4, 0.0, 0.0], None, False, 32.0),
    "cap": ([0.25, 0.45, 0.3, 0.0], [0.25, 1, 1, 1], False, 32.0),
    "vertex": ([1.0, 0.0, 0.0, 0.0], None, False, 32.0),
    "misleads": ([0.5, 0.1, 0.1, 0.3], None, True, 48.0),
}


@pytest.mark.parametrize("name", WORLDS)
def test_the_best_mixture_is_found(name):
    best, caps, misleads, budget = WORLDS[name]
    world = World(make_problem(m=1, sizes=2, caps=caps), np.array(best), misleads, NOISE)
    recommended = Admire().recommend(world.problem, campaign(Admire(), world, budget, seed=0)).weights
    assert abs(recommended - world.best).sum() / 2 <= 0.02
    by_chance = [
        Random().recommend(world.problem, campaign(Random(), world, budget, seed)).weights for seed in range(10)
    ]
    assert world.regret(recommended) <= min(world.regret(weights) for weights in by_chance)
