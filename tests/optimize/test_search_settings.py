"""What a process is set to while it searches."""

import ctypes

import numpy as np
import pytest
import torch
from synthetic import World, make_problem, no_pending
from threadpoolctl import threadpool_info

from admire.allocator import keep_freed_memory
from admire.optimize import acquisition
from admire.optimize.admire import Admire
from admire.optimize.surrogates import batched_processes, model_average, search_settings

# Covariances in a decision whose climbs take two steps, whatever the number of sources: three fits, and three climbs of two models
# with two covariances each, of up to ten evaluations a step.
EVALUATIONS = 3 * 2 * batched_processes.FIT_STEPS + acquisition.STARTS * 2 * 2 * 2 * 11 + 60


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def _decisions(k, m=1, n=16):
    """A proposal and a recommendation with k sources and m metrics, each fitted afresh."""
    world = World(make_problem(k=k, m=m, sizes=2), np.random.default_rng(0).dirichlet(np.ones(k)))
    rng = np.random.default_rng(1)
    size = (np.arange(n) % 4 == 0).astype(int)
    seen = world.train(world.problem.space.sample(n, rng), size, rng)
    problem, rng = world.problem, np.random.default_rng(2)
    for decide in (
        lambda: Admire().propose(problem, seen, no_pending(problem), q=1, budget=9.0, rng=rng)[0],
        lambda: Admire().recommend(problem, seen),
    ):
        model_average._fitted.cache_clear()
        yield decide()


def test_searching_takes_one_thread_and_gives_them_back():
    def threads():
        return [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]

    before = threads()
    with search_settings.searching():
        assert set(threads()) == {1}
    assert threads() == before


def test_searching_works_where_the_c_library_is_another(monkeypatch):
    keep_freed_memory.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    with search_settings.searching():
        pass
    keep_freed_memory.cache_clear()


def test_searching_gives_threads_back_when_a_search_breaks(two_threads):
    with pytest.raises(RuntimeError), search_settings.searching():
        assert torch.get_num_threads() == 1
        raise RuntimeError
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize("k", [6, 60, 300])
def test_decisions_take_one_thread_and_no_more_evaluations_with_many_sources(k, monkeypatch, two_threads):
    threads, covariance = [], batched_processes.Processes.covariance

    def watched(self, x1, x2):
        threads.append(torch.get_num_threads())
        return covariance(self, x1, x2)

    monkeypatch.setattr(batched_processes.Processes, "covariance", watched)
    monkeypatch.setattr(acquisition, "STEPS", 2)
    counts = []
    for _ in _decisions(k):
        counts.append(len(threads) - sum(counts))
    assert set(threads) == {1}
    assert max(counts) <= EVALUATIONS, counts
    assert torch.get_num_threads() == 2


@pytest.mark.parametrize(("k", "m"), [(6, 3), (30, 1)])
def test_decisions_are_the_same_to_the_bit_on_any_number_of_cores(k, m, monkeypatch, two_threads):
    monkeypatch.setattr(acquisition, "STEPS", 5)
    on_two = [found.weights.tobytes() for found in _decisions(k, m, n=60)]
    torch.set_num_threads(1)
    assert [found.weights.tobytes() for found in _decisions(k, m, n=60)] == on_two
