"""Emulators say what the runs say: the law behind a made table, its noise, and how far its sizes agree."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from admire.cli.replay import EMULATORS
from admire.replay.continuous.families import FAMILIES
from admire.replay.continuous.joint import Runs, fit_metric
from admire.replay.continuous.optimum import best_mixture
from admire.replay.continuous.soft_trees import SoftTrees
from admire.space.simplex import CappedSimplex

NOISE = (0.05, 0.1)


def small(X):
    return np.exp(X @ [1.0, -1.0, 0.5, 0.0])


def runs(dear, n=(160, 60), seed=0):
    """Noisy scores of `small` at the cheapest size, and of `dear` at the other one."""
    rng = np.random.default_rng(seed)
    X = tuple(rng.dirichlet(np.ones(4), size=rows) for rows in n)
    y = tuple(f(x) + sd * rng.normal(size=len(x)) for f, x, sd in zip((small, dear), X, NOISE, strict=True))
    return Runs(X, y, seed=0)


@pytest.fixture(scope="module")
def new():
    return np.random.default_rng(1).dirichlet(np.ones(4), size=400)


def test_the_command_line_names_every_family():
    assert tuple(FAMILIES) == EMULATORS


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_finds_the_law_and_its_noise(family, new):
    metric = fit_metric(family, runs(lambda X: 2 * small(X) - 1))
    for emulator, law in zip(metric.emulators, (small(new), 2 * small(new) - 1), strict=True):
        assert spearmanr(emulator(new), law)[0] > 0.93
    most = 2.0 if family == "joint-trees" else 1.5  # held-out errors contain those of the emulator
    assert all(0.85 * sd < found < most * sd for found, sd in zip(metric.noise, NOISE, strict=True))


def test_noise_is_the_error_on_runs_that_were_held_out():
    """Scores of nothing but noise: trees that were fitted to these runs reproduce them far too well."""
    rng = np.random.default_rng(0)
    X, y = rng.dirichlet(np.ones(4), size=100), rng.normal(size=100)
    metric = fit_metric("joint-trees", Runs((X,), (y,), seed=0))
    assert np.std(y - metric.emulators[0](X)) < 0.95
    assert 1.0 < metric.noise[0] < 1.3


@pytest.mark.parametrize("slope", [1.5, -1.5])
def test_a_size_that_is_a_line_of_the_cheapest_one_stays_one(slope, new):
    metric = fit_metric("joint-law", runs(lambda X: slope * small(X) + 1))
    cheap, dear = (emulator(new) for emulator in metric.emulators)
    assert spearmanr(cheap, dear)[0] == pytest.approx(np.sign(slope), abs=0.03)
    assert np.polyfit(cheap, dear, 1)[0] == pytest.approx(slope, rel=0.2)


def test_a_size_that_has_a_law_of_its_own_gets_it(new):
    def own(X):
        return small(X) + 3 * X[:, 3]

    cheap, dear = fit_metric("joint-law", runs(own, n=(160, 120))).emulators
    assert spearmanr(dear(new), own(new))[0] > 0.95
    assert spearmanr(cheap(new), dear(new))[0] == pytest.approx(spearmanr(small(new), own(new))[0], abs=0.15)


def test_trees_have_no_steps(new):
    table = runs(small)
    trees = SoftTrees.fit(table.X[0], table.y[0], 0)
    way = np.linspace(new[0], new[1], 2000)
    steps = np.abs(np.diff(trees(way)))
    assert (steps > 0).all()
    assert steps.max() < 20 * steps.mean()


def test_constant_scores_are_emulated_by_a_constant(new):
    X = tuple(np.random.default_rng(0).dirichlet(np.ones(4), size=20) for _ in range(2))
    for family in FAMILIES:
        metric = fit_metric(family, Runs(X, (np.full(20, 2.0), np.full(20, 3.0)), seed=0))
        assert [emulator(new) for emulator in metric.emulators] == pytest.approx([2.0, 3.0], abs=1e-3)


def test_the_search_finds_a_known_optimum_inside_and_at_a_cap():
    inside = np.array([0.2, 0.3, 0.5])
    for caps, best in (([1.0, 1.0, 1.0], inside), ([1.0, 1.0, 0.4], [0.25, 0.35, 0.4])):
        space = CappedSimplex(("a", "b", "c"), np.array(caps))
        rng = np.random.default_rng(0)
        found, value = best_mixture(space, lambda X: -((X - inside) ** 2).sum(1), space.sample(100, rng), rng)
        assert found == pytest.approx(best, abs=1e-3)
        assert value == pytest.approx(-((found - inside) ** 2).sum())
