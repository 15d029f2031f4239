"""Acquisition functions at the target, or over mixture and size, and their maximisation over the capped simplex or over a pool."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
import torch
from botorch.acquisition import AcquisitionFunction, LogExpectedImprovement, UpperConfidenceBound
from botorch.acquisition.cost_aware import InverseCostWeightedUtility
from botorch.acquisition.max_value_entropy_search import qMultiFidelityMaxValueEntropy
from botorch.models.deterministic import GenericDeterministicModel
from botorch.optim import optimize_acqf
from torch import Tensor

from admire.optimize.problem import Problem
from admire.optimize.surrogates.gaussian_process import GaussianProcesses, ModelOfObjective, inputs
from admire.optimize.surrogates.search_settings import searching
from admire.optimize.tried import sample

CANDIDATES = 512  # random mixtures among the starting points of a search
STARTS = 3  # gradient searches per maximisation; they start from the best candidates that differ
STEPS = 30  # optimiser iterations per gradient search, at most
APART = 0.02  # two starts closer than this total variation count as the same
CHUNK = 256  # mixtures evaluated in one batch, which bounds the memory
DRAWN = 512  # functions and best values are drawn on at most this many mixtures: the cost is cubic in their number
MAX_VALUES = 16  # Monte Carlo draws of the best value in max-value entropy search
QUANTILES = 32  # outcomes of a trial that the knowledge gradient averages over


def log_expected_improvement(surrogate: GaussianProcesses, best: float, X: np.ndarray) -> AcquisitionFunction:
    """Logarithm of the expected improvement of the objective at the target over `best` (Ament et al. 2023)."""
    return LogExpectedImprovement(surrogate.at(surrogate.problem.fidelities.target), best_f=best)


def upper_confidence_bound(surrogate: GaussianProcesses, best: float, X: np.ndarray) -> AcquisitionFunction:
    """Posterior mean plus two standard deviations at the target."""
    return UpperConfidenceBound(surrogate.at(surrogate.problem.fidelities.target), beta=4.0)


class Thompson(AcquisitionFunction):
    """One function drawn from the posterior at the target on the mixtures `X` (N x K).

    Any other mixture has the value of the nearest of them.
    """

    def __init__(self, surrogate: GaussianProcesses, best: float, X: np.ndarray) -> None:
        model = surrogate.at(surrogate.problem.fidelities.target)
        super().__init__(model)
        self.X = torch.as_tensor(X[:DRAWN])
        with torch.no_grad():
            self.values = model.posterior(self.X).rsample().flatten()

    def forward(self, X: Tensor) -> Tensor:
        """Values (b) of mixtures (b x 1 x K)."""
        return self.values[torch.cdist(X.squeeze(-2), self.X).argmin(-1)]


def entropy_per_cost(surrogate: GaussianProcesses, X: np.ndarray, allowed: Sequence[int]) -> np.ndarray:
    """Information about the best value at the target per unit of cost: BoTorch's max-value entropy search (Wang and Jegelka 2017).

    Args:
        X: N x K mixtures of the possible trials.
        allowed: indices of the s sizes at which they could be trained.

    Returns:
        N x s values.
    """
    fidelities = surrogate.problem.fidelities
    costs = torch.tensor(fidelities.costs, dtype=torch.float64)

    def to_target(x: Tensor) -> Tensor:
        return torch.cat([x[..., :-1], torch.full_like(x[..., -1:], fidelities.target)], -1)

    entropy = qMultiFidelityMaxValueEntropy(
        ModelOfObjective(surrogate),
        candidate_set=inputs(X[:DRAWN], fidelities.target),
        num_mv_samples=MAX_VALUES,
        project=to_target,
        cost_aware_utility=InverseCostWeightedUtility(
            GenericDeterministicModel(lambda x: costs[x[..., -1:].round().long()])
        ),
    )
    points = [inputs(X, size).unsqueeze(-2) for size in allowed]
    with torch.no_grad():
        return np.stack([torch.cat([entropy(chunk) for chunk in x.split(CHUNK)]).numpy() for x in points], 1)


def knowledge_per_cost(surrogate: GaussianProcesses, X: np.ndarray, allowed: Sequence[int]) -> np.ndarray:
    """Knowledge gradient per unit of cost (Frazier, Powell and Dayanik 2009): the expected rise of the largest posterior mean
    at the target that a trial brings, averaged over `QUANTILES` of its outcomes.

    Args:
        X: N x K mixtures of the possible trials; only the first `DRAWN` are considered.
        allowed: indices of the s sizes at which they could be trained.

    Returns:
        min(N, DRAWN) x s values.
    """
    fidelities = surrogate.problem.fidelities
    model = ModelOfObjective(surrogate)
    z = NormalDist()
    outcomes = np.array([z.inv_cdf((i + 0.5) / QUANTILES) for i in range(QUANTILES)])
    X, n = X[:DRAWN], len(X[:DRAWN])
    values = np.full((n, len(allowed)), -np.inf)
    for column, size in enumerate(allowed):
        with torch.no_grad():
            joint = model.posterior(torch.cat([inputs(X, fidelities.target), inputs(X, size)]))
            noisy = model.posterior(inputs(X, size), observation_noise=True).distribution.covariance_matrix
        mean, covariance = joint.mean.flatten().numpy()[:n], joint.distribution.covariance_matrix.numpy()[:n, n:]
        step = covariance / np.sqrt(noisy.diagonal().numpy())
        raised = (mean[:, None, None] + step[:, :, None] * outcomes).max(0).mean(-1) - mean.max()
        values[:, column] = raised / fidelities.costs[size]
    return values


# These choose a mixture by its value at the target; the size of the trial is chosen afterwards.
ACQUISITIONS = {"log-ei": log_expected_improvement, "ucb": upper_confidence_bound, "thompson": Thompson}
# These choose mixture and size together.
JOINT_ACQUISITIONS = {"mes-per-cost": entropy_per_cost, "kg-per-cost": knowledge_per_cost}


def candidates(problem: Problem, around: np.ndarray, rng: np.random.Generator, n: int = CANDIDATES) -> np.ndarray:
    """Mixtures (N x K) to start a search from.

    On a pool they are the pool at the target. In the continuous space they are the baseline mixture, the mixtures `around`
    (r x K), `n` mixtures near those, `n` random ones and `n // 4` sparse ones.
    """
    if problem.pool is not None:
        return problem.pool[problem.fidelities.target]
    space = problem.space
    # Exact counts for a smaller total may exceed the target's caps by a fraction of a row.
    around = space.project(around) if len(around) else around
    parts = [problem.prior[None], around, sample(problem, n, rng), space.sample(n // 4, rng, concentration=0.3)]
    if len(around):
        centres = around[rng.integers(len(around), size=n)]
        width = 10 ** rng.uniform(-2.5, -0.5, size=(n, 1))
        parts.append(space.project(centres + width * rng.normal(size=centres.shape) / np.sqrt(space.k)))
    return np.concatenate(parts)


def evaluate(acquisition: AcquisitionFunction, X: np.ndarray) -> np.ndarray:
    """Acquisition values (n) of mixtures (n x K), each evaluated as a batch of one."""
    points = torch.as_tensor(X).unsqueeze(-2)
    with torch.no_grad():
        return torch.cat([acquisition(chunk) for chunk in points.split(CHUNK)]).numpy()


def maximise(problem: Problem, acquisition: AcquisitionFunction, starts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mixtures (N x K) from best to worst with their acquisition values (N).

    On a pool, and for a function drawn by `Thompson`, this only ranks `starts` (n x K). In the continuous space it also runs
    gradient searches from the best of `starts` and ranks what they find beside them. The searches move all K coordinates, with
    the caps as bounds and a sum of 1 as an equality constraint.
    """
    X, values = starts, evaluate(acquisition, starts)
    if problem.pool is None and not isinstance(acquisition, Thompson):
        found = problem.space.project(_climb(problem, acquisition, starts[np.argsort(-values, kind="stable")]))
        X = np.concatenate([found, X])
        values = np.concatenate([evaluate(acquisition, found), values])
    order = np.argsort(-values, kind="stable")
    return X[order], values[order]


def _climb(problem: Problem, acquisition: AcquisitionFunction, ranked: np.ndarray) -> np.ndarray:
    """Local maxima (r x K) found from the best r of `ranked` (n x K, best first) that differ; r is at most `STARTS`."""
    starts = ranked[:1]
    for x in ranked[1:]:
        if len(starts) == STARTS:
            break
        if (abs(starts - x).sum(1) / 2 > APART).all():
            starts = np.concatenate([starts, x[None]])
    k = problem.space.k
    with searching(), warnings.catch_warnings():
        # A line search that ends early loses nothing, because its start is ranked beside its result.
        warnings.simplefilter("ignore", category=RuntimeWarning)
        found, _ = optimize_acqf(
            acquisition,
            bounds=torch.as_tensor(np.stack([np.zeros(k), problem.space.caps])),
            q=1,
            num_restarts=len(starts),
            batch_initial_conditions=torch.as_tensor(starts).unsqueeze(-2),
            equality_constraints=[(torch.arange(k), torch.ones(k, dtype=torch.float64), 1.0)],
            return_best_only=False,
            # Each start is optimised alone: the cost of SLSQP grows with the cube of the number of variables.
            options={"maxiter": STEPS, "batch_limit": 1},
        )
    return found.squeeze(-2).numpy()
