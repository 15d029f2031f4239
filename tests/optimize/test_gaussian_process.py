"""The surrogate: a process a metric over mixture and size."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from botorch import settings
from botorch.models import SingleTaskGP
from gpytorch.kernels import Kernel
from gpytorch.means import ZeroMean
from linear_operator.utils.cholesky import psd_safe_cholesky
from linear_operator.utils.errors import NotPSDError
from synthetic import World, make_problem, nothing

from admire.optimize.surrogates import log_likelihood
from admire.optimize.surrogates.fidelity_kernels import FIDELITY_KERNELS
from admire.optimize.surrogates.gaussian_process import GaussianProcesses, Kernels, inputs
from admire.optimize.surrogates.mixture_kernels import MIXTURE_KERNELS

rng = np.random.default_rng


def observed(world, counts, seed=0):
    """Trials at random mixtures, `counts[s]` at each size s."""
    size = np.repeat(np.arange(len(counts)), counts)
    return world.train(world.problem.space.sample(len(size), rng(seed)), size, rng(seed + 100))


@pytest.fixture(scope="module")
def world():
    return World(make_problem(), np.array([0.4, 0.3, 0.2, 0.1]))


@pytest.fixture(scope="module")
def seen(world):
    """Twelve cheap trials and six at the target, one of them failed and one without its first metric."""
    seen = observed(world, [12, 0, 6])
    seen.Y[3] = np.nan
    seen.Y[14, 0] = np.nan
    return seen


@pytest.fixture(scope="module")
def surrogate(world, seen):
    return GaussianProcesses.fit(world.problem, seen)


def test_each_metric_uses_the_trials_that_have_it(surrogate):
    assert surrogate.mask.sum(-1).tolist() == [16, 17]


def test_the_posterior_is_gpytorchs(seen):
    """One metric; GPyTorch's exact inference with the same covariance and noise."""
    problem = make_problem(weights=[0, -1])
    surrogate = GaussianProcesses.fit(problem, seen)
    processes, (scaling,) = surrogate.processes, surrogate.scalings

    class Covariance(Kernel):
        def forward(self, x1, x2, diag=False, **params):
            full = processes.covariance(x1, x2)[0]
            return full.diagonal() if diag else full

    noise = processes.noise[0][surrogate.X[:, -1].long()].unsqueeze(-1)
    with settings.validate_input_scaling(False):
        model = SingleTaskGP(
            surrogate.X,
            surrogate.z.mT,
            noise,
            covar_module=Covariance(),
            mean_module=ZeroMean(),
            outcome_transform=None,
        )
    X = problem.space.sample(5, rng(1))
    for size in range(3):
        mean, covariance = surrogate.predict(X, size)
        expected = model.posterior(inputs(X, size)).distribution
        expected_mean = -(scaling.location[size] + scaling.scale[size] * expected.mean.detach().numpy())
        assert np.allclose(mean, expected_mean, atol=1e-6)
        assert np.allclose(
            covariance, scaling.scale[size] ** 2 * expected.covariance_matrix.detach().numpy(), atol=1e-6
        )
        single = surrogate.at(size).posterior(torch.as_tensor(X).unsqueeze(-2))
        assert np.allclose(single.mean.squeeze().detach().numpy(), mean)
        assert np.allclose(single.variance.squeeze().detach().numpy(), np.diag(covariance), atol=1e-8)


def test_leave_one_out_is_the_prediction_of_the_others(world, surrogate, seen):
    index, mean, sd = surrogate.leave_one_out()
    assert list(index) == [i for i in range(18) if i not in (3, 14)]
    keep = surrogate.rows != 15
    others = replace(
        surrogate, X=surrogate.X[keep], z=surrogate.z[:, keep], mask=surrogate.mask[:, keep], rows=surrogate.rows[keep]
    )
    expected, variance = others.predict(seen.X[15:16], 2)
    noise = float(surrogate.factors(2).square() @ surrogate.processes.noise[:, 2])
    at = list(index).index(15)
    assert mean[at] == pytest.approx(expected[0])
    assert sd[at] == pytest.approx(np.sqrt(variance[0, 0] + noise))


@pytest.mark.parametrize("mixture", MIXTURE_KERNELS)
@pytest.mark.parametrize("fidelity", FIDELITY_KERNELS)
def test_every_pair_of_kernels_learns_what_the_small_size_says(world, mixture, fidelity):
    seen, X = observed(world, [24, 0, 5]), world.problem.space.sample(60, rng(3))
    mean, covariance = GaussianProcesses.fit(world.problem, seen, Kernels(mixture, fidelity)).predict(X, 2)
    truth = world.problem.objective(world.truth(X, 2))
    assert np.corrcoef(mean, truth)[0, 1] > 0.6
    assert np.linalg.eigvalsh(covariance).min() > -1e-8


def test_a_target_that_runs_against_the_small_size_is_noticed():
    against = World(make_problem(sizes=2), np.array([0.4, 0.3, 0.2, 0.1]), misleads=True)
    surrogate = GaussianProcesses.fit(against.problem, observed(against, [24, 6]))
    X = against.problem.space.sample(60, rng(3))
    assert np.corrcoef(surrogate.predict(X, 1)[0], against.problem.objective(against.truth(X, 1)))[0, 1] > 0.6
    assert (surrogate.processes.kernel.links < 0).all()


def test_reported_errors_move_the_noise_but_do_not_fix_it():
    noisy = World(make_problem(m=1, sizes=1), np.array([0.4, 0.3, 0.2, 0.1]), noise=0.05)
    seen = observed(noisy, [12])

    def noise(reported):
        errors = np.full_like(seen.stderr, reported)
        return np.sqrt(GaussianProcesses.fit(noisy.problem, replace(seen, stderr=errors)).noise_variance(0))

    assert noise(0.005) < noise(np.nan) < noise(0.5) < 0.4 * 0.5


def test_metrics_without_weight_are_not_fitted(world, seen):
    problem = make_problem(weights=[-1, 0])
    assert len(GaussianProcesses.fit(problem, seen).scalings) == 1


def test_no_model_before_every_metric_was_seen(world):
    seen = observed(world, [3, 0, 0])
    seen.Y[:, 1] = np.nan
    assert GaussianProcesses.fit(world.problem, seen) is None
    assert GaussianProcesses.fit(world.problem, nothing(world.problem)) is None


def test_a_size_never_seen_has_an_uncertain_level_but_certain_differences(world):
    surrogate = GaussianProcesses.fit(world.problem, observed(world, [20, 0, 0]))
    pair = np.array([world.best, [0.0, 0.0, 0.0, 1.0]])
    _, at_target = surrogate.predict(pair, 2)
    _, at_small = surrogate.predict(pair, 0)
    assert at_target[0, 0] > 100 * at_small[0, 0]
    assert at_target[0, 0] + at_target[1, 1] - 2 * at_target[0, 1] < 0.2 * at_target[0, 0]


def test_the_level_of_a_size_never_seen_follows_the_sizes_seen(world):
    surrogate = GaussianProcesses.fit(world.problem, observed(world, [8, 8, 0]))
    location = surrogate.scalings[0].location
    assert location[0] > location[1] > location[2]


def test_pending_trials_keep_means_and_shrink_uncertainty(world, surrogate):
    new, elsewhere = np.array([[0.0, 0.1, 0.2, 0.7]]), world.problem.space.sample(4, rng(5))
    believer = surrogate.condition_on_mean(new, np.array([2]))
    for X in (new, elsewhere):
        mean, covariance = surrogate.predict(X, 2)
        believed, left = believer.predict(X, 2)
        assert np.allclose(mean, believed)
        assert (np.diag(left) <= np.diag(covariance) + 1e-12).all()
    assert believer.predict(new, 2)[1][0, 0] < 0.7 * surrogate.predict(new, 2)[1][0, 0]


def test_the_target_informs_about_itself_more_than_a_smaller_size_does(world, surrogate):
    shares = [surrogate.information(world.problem.prior, size) for size in range(3)]
    assert 0 < shares[0] < shares[2] < 1


@pytest.mark.parametrize(("k", "m", "counts"), [(2, 1, [1]), (2, 2, [2]), (64, 2, [10, 3]), (6, 20, [3, 0, 1])])
def test_any_shape_of_evidence_gives_finite_predictions(k, m, counts):
    problem = make_problem(k=k, m=m, sizes=len(counts))
    size = np.repeat(np.arange(len(counts)), counts)
    world = World(make_problem(k=k, sizes=len(counts)), problem.prior)  # two metrics, repeated below
    seen = world.train(problem.space.sample(len(size), rng(0)), size, rng(1))
    seen = replace(seen, **{name: np.tile(getattr(seen, name), (1, 10))[:, :m] for name in ("Y", "stderr")})
    mean, covariance = GaussianProcesses.fit(problem, seen).predict(problem.space.sample(3, rng(2)), len(counts) - 1)
    assert np.isfinite(mean).all()
    assert (np.diag(covariance) > 0).all()


def test_duplicate_rows_and_constant_metrics_are_no_obstacle(world):
    seen = observed(world, [6, 0, 2])
    X = seen.X.copy()
    X[1] = X[0]
    constant = replace(seen, X=X, Y=np.full_like(seen.Y, 1.5))
    mean, _ = GaussianProcesses.fit(world.problem, constant).predict(X, 2)
    assert np.allclose(mean, -1.5, atol=1e-3)


def test_intervals_cover_the_truth(world):
    """Of 90 % intervals of the true mean; part of what is not understood is called noise, so they are somewhat narrow."""
    hits = []
    for seed in range(3):
        surrogate = GaussianProcesses.fit(world.problem, observed(world, [12, 0, 5], seed=seed))
        X = world.problem.space.sample(50, rng(seed + 50))
        mean, covariance = surrogate.predict(X, 2)
        truth = world.problem.objective(world.truth(X, 2))
        hits.append(abs(truth - mean) <= 1.645 * np.sqrt(np.diag(covariance)))
    assert np.mean(hits) >= 0.65


def test_a_search_that_strays_too_far_comes_back(world, seen, surrogate, monkeypatch):
    calls = []

    def stray(matrix):
        calls.append(matrix)
        if len(calls) in (3, 4):
            raise NotPSDError("not positive definite")
        return psd_safe_cholesky(matrix)

    monkeypatch.setattr(log_likelihood, "psd_safe_cholesky", stray)
    found = GaussianProcesses.fit(world.problem, seen).means(seen.X, 2)
    assert len(calls) > 10
    straight = surrogate.means(seen.X, 2)
    assert found == pytest.approx(straight, abs=0.1 * np.ptp(straight))
