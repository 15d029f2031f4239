"""Where to look next: expected improvement at the target, maximised over the capped simplex or over a pool."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from botorch.acquisition import AcquisitionFunction, LogExpectedImprovement, PosteriorMean
from botorch.optim import optimize_acqf

from admire.optimize.design import sample
from admire.optimize.problem import Problem
from admire.optimize.surrogates.gaussian_process import GaussianProcesses

CANDIDATES = 512
STARTS = 3  # of the gradient search, the best candidates that differ
STEPS = 30
APART = 0.02  # total variation below which two starts are the same
CHUNK = 256  # mixtures evaluated at once


def log_expected_improvement(surrogate: GaussianProcesses, best: float) -> AcquisitionFunction:
    """Logarithm of the expected improvement of the objective at the target over `best` (Ament et al. 2023)."""
    return LogExpectedImprovement(surrogate.at(surrogate.problem.fidelities.target), best_f=best)


def posterior_mean(surrogate: GaussianProcesses) -> AcquisitionFunction:
    """Posterior mean of the objective at the target."""
    return PosteriorMean(surrogate.at(surrogate.problem.fidelities.target))


def candidates(problem: Problem, around: np.ndarray, rng: np.random.Generator, n: int = CANDIDATES) -> np.ndarray:
    """Mixtures (N x K) to start a search from: the pool at the target, or in the continuous space the prior, the mixtures
    `around` (r x K), some near them, sparse ones and `n` random ones."""
    if problem.pool is not None:
        return problem.pool[problem.fidelities.target]
    space = problem.space
    # exact counts of a smaller total may lie a fraction of a row above the target's caps
    around = space.project(around) if len(around) else around
    parts = [problem.prior[None], around, sample(problem, n, rng), space.sample(n // 4, rng, concentration=0.3)]
    if len(around):
        centres = around[rng.integers(len(around), size=n)]
        width = 10 ** rng.uniform(-2.5, -0.5, size=(n, 1))
        parts.append(space.project(centres + width * rng.normal(size=centres.shape) / np.sqrt(space.k)))
    return np.concatenate(parts)


def evaluate(acquisition: AcquisitionFunction, X: np.ndarray) -> np.ndarray:
    """Acquisition values (n) of mixtures (n x K), each on its own."""
    points = torch.as_tensor(X).unsqueeze(-2)
    with torch.no_grad():
        return torch.cat([acquisition(chunk) for chunk in points.split(CHUNK)]).numpy()


def maximise(problem: Problem, acquisition: AcquisitionFunction, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mixtures (N x K) from best to worst with their acquisition values (N).

    On a pool `starts` is ranked. In the continuous space a gradient search from the best of `starts` goes first: all K
    coordinates, bounds from the caps, sum 1 as an equality constraint.
    """
    X, values = starts, evaluate(acquisition, starts)
    if problem.pool is None:
        found = problem.space.project(_climb(problem, acquisition, starts[np.argsort(-values, kind="stable")]))
        X = np.concatenate([found, X])
        values = np.concatenate([evaluate(acquisition, found), values])
    order = np.argsort(-values, kind="stable")
    return X[order], values[order]


def _climb(problem: Problem, acquisition: AcquisitionFunction, ranked: np.ndarray) -> np.ndarray:
    """Local maxima (r x K) from the best of `ranked` that differ."""
    starts = ranked[:1]
    for x in ranked[1:]:
        if len(starts) == STARTS:
            break
        if (abs(starts - x).sum(1) / 2 > APART).all():
            starts = np.concatenate([starts, x[None]])
    k = problem.space.k
    with warnings.catch_warnings():
        # a line search that ends early is no loss: its start is ranked beside what it found
        warnings.simplefilter("ignore", category=RuntimeWarning)
        found, _ = optimize_acqf(
            acquisition,
            bounds=torch.as_tensor(np.stack([np.zeros(k), problem.space.caps])),
            q=1,
            num_restarts=len(starts),
            batch_initial_conditions=torch.as_tensor(starts).unsqueeze(-2),
            equality_constraints=[(torch.arange(k), torch.ones(k, dtype=torch.float64), 1.0)],
            return_best_only=False,
            # one start at a time: SLSQP's cost grows with the cube of the number of variables
            options={"maxiter": STEPS, "batch_limit": 1},
        )
    return found.squeeze(-2).numpy()
