"""ADMIRE's multi-fidelity Bayesian optimisation as its paper states it (arXiv 2508.11551, equations 1 to 9), and its
one-size form. `admire` is compared with both.

There is one Gaussian process for the objective itself. Its kernel is a squared exponential of the weights with one
length-scale, times the downsampling kernel over sizes, fitted by maximum likelihood. Trials are chosen by max-value entropy
search per unit of cost, over mixture and size together; the mixture with the highest posterior mean at the target is
recommended. docs/method.md says where the paper's released code differs from the paper.
"""

from __future__ import annotations

import numpy as np
import torch
from botorch.acquisition import AcquisitionFunction, LogExpectedImprovement, PosteriorMean
from botorch.acquisition.cost_aware import InverseCostWeightedUtility
from botorch.acquisition.max_value_entropy_search import qMultiFidelityMaxValueEntropy
from botorch.models import SingleTaskGP
from botorch.models.deterministic import GenericDeterministicModel
from botorch.models.kernels import DownsamplingKernel
from botorch.models.transforms import Standardize
from botorch.utils.sampling import manual_seed
from gpytorch.kernels import RBFKernel, ScaleKernel
from torch import Tensor

from admire.optimize.acquisition import candidates, maximise
from admire.optimize.problem import Observations, Pending, Problem, Proposal, Recommendation
from admire.optimize.random_search import Random
from admire.optimize.surrogates.maximum_likelihood import fit
from admire.optimize.tried import Tried, random_mixtures
from admire.space import money

FIT_STEPS = 100  # iterations of L-BFGS per fit, at most
MAX_VALUES = 16  # Monte Carlo draws of the best value in max-value entropy search
CHUNK = 256  # mixtures evaluated in one batch, which bounds the memory
SEARCHED = 256  # random mixtures per size among which a search of the continuous space chooses
MOST = 2000  # the best value is drawn on at most this many mixtures
ENOUGH = 2  # the fewest scored trials that a model is fitted to


class AdmireMFBO:
    """Max-value entropy search per unit of cost over mixture and size together."""

    def propose(
        self, problem: Problem, seen: Observations, pending: Pending, *, q: int, budget: float, rng: np.random.Generator
    ) -> list[Proposal]:
        """Up to `q` trials; random ones at the cheapest size until two have a score.

        Pending trials are not proposed a second time, but the model does not know of them: the paper has no pending trials.
        """
        tried = Tried(problem, seen, pending)
        costs, names = np.array(problem.fidelities.costs), problem.fidelities.names
        if _scored(problem, seen).sum() < ENOUGH:
            n = min(max(ENOUGH - len(pending.X), 1), money.affordable(budget, costs[0]))
            found = random_mixtures(problem, tried, 0, n, rng)
            return [Proposal(x, 0, why=f"a random mixture at {names[0]}: no model yet") for x in found]
        allowed = [size for size in range(len(costs)) if money.buys(budget, costs[size])]
        if not allowed:
            return []
        with manual_seed(int(rng.integers(2**31))):
            ranked = _ranked(problem, _fit(problem, seen), allowed, rng)
        proposals: list[Proposal] = []
        for x, size, value in ranked:
            if len(proposals) == q:
                break
            if (x, size) not in tried and money.buys(budget, costs[size]):
                tried.add(x, size)
                budget = money.left(budget, costs[size])
                why = f"largest information about the best value per unit of cost ({value:.3g}), at {names[size]}"
                proposals.append(Proposal(x, size, {"acquisition": value}, why))
        return proposals

    def recommend(self, problem: Problem, seen: Observations) -> Recommendation:
        """The highest posterior mean at the target (section 4.3)."""
        return _recommend(problem, seen, _scored(problem, seen))


class AdmireBO:
    """Bayesian optimisation at the target size alone, by log expected improvement over the best observed (equation 6)."""

    def propose(
        self, problem: Problem, seen: Observations, pending: Pending, *, q: int, budget: float, rng: np.random.Generator
    ) -> list[Proposal]:
        """Up to `q` trials at the target; random ones until two have a score."""
        target = problem.fidelities.target
        rows = _scored(problem, seen) & (seen.size == target)
        if rows.sum() < ENOUGH:
            return Random().propose(problem, seen, pending, q=q, budget=budget, rng=rng)
        tried = Tried(problem, seen, pending)
        q = min(q, money.affordable(budget, problem.fidelities.costs[target]))
        with manual_seed(int(rng.integers(2**31))):
            model = _fit(problem, seen, rows)
            best = float(problem.objective(seen.Y)[rows].max())
            acquisition = _AtSize(LogExpectedImprovement(model, best_f=best), problem, target)
            top = seen.X[rows][np.argsort(-problem.objective(seen.Y)[rows])[:8]]
            X, values = maximise(problem, acquisition, candidates(problem, top, rng))
        why = f"largest expected improvement at {problem.fidelities.names[target]}"
        found: list[Proposal] = []
        for x, value in zip(X, values, strict=True):
            if len(found) == q:
                break
            if (x, target) not in tried:
                tried.add(x, target)
                found.append(Proposal(x, target, {"acquisition": float(np.exp(value))}, why))
        return found

    def recommend(self, problem: Problem, seen: Observations) -> Recommendation:
        """The highest posterior mean at the target."""
        return _recommend(problem, seen, _scored(problem, seen) & (seen.size == problem.fidelities.target))


class _AtSize(AcquisitionFunction):
    """An acquisition function over mixture and size, held at one size and so a function of the mixture alone."""

    def __init__(self, acquisition: AcquisitionFunction, problem: Problem, size: int) -> None:
        super().__init__(acquisition.model)
        self.acquisition, self.place = acquisition, float(_places(problem)[size])

    def forward(self, X: Tensor) -> Tensor:
        """Values (b) of mixtures (b x 1 x K)."""
        return self.acquisition(torch.cat([X, X.new_full((*X.shape[:-1], 1), self.place)], -1))


def _places(problem: Problem) -> np.ndarray:
    """Position of each size in [0, 1], the target at 1; costs stand in for the paper's parameter counts."""
    costs = np.array(problem.fidelities.costs[: problem.fidelities.target + 1])
    span = costs[-1] - costs[0]
    return (costs - costs[0]) / span if span > 0 else np.ones(len(costs))


def _scored(problem: Problem, seen: Observations) -> np.ndarray:
    """Which trials (n booleans) have every metric of the objective."""
    return np.isfinite(problem.objective(seen.Y))


def _fit(problem: Problem, seen: Observations, rows: np.ndarray | None = None) -> SingleTaskGP:
    """The paper's process fitted to the trials that `rows` (n booleans) selects, by default to all with a score."""
    rows = _scored(problem, seen) if rows is None else rows
    size, target = seen.size[rows], problem.fidelities.target
    # At position s = 1, the target's, the derivative of (1 - s) ** (1 + power) by the power is not finite.
    places = np.minimum(_places(problem)[size], 1 - 1e-9)
    cheap = (size == 0) & (target > 0)
    return fit(_process, np.column_stack([seen.X[rows], places]), problem.objective(seen.Y)[rows], cheap, FIT_STEPS)


def _process(X: Tensor, y: Tensor) -> SingleTaskGP:
    k = X.shape[1] - 1
    mixtures = RBFKernel(active_dims=torch.arange(k))
    covariance = ScaleKernel(mixtures * DownsamplingKernel(active_dims=torch.tensor([k])))
    return SingleTaskGP(X, y, covar_module=covariance, outcome_transform=Standardize(1))


def _ranked(
    problem: Problem, model: SingleTaskGP, allowed: list[int], rng: np.random.Generator
) -> list[tuple[np.ndarray, int, float]]:
    """(mixture, size, entropy per unit of cost) of every candidate at every size in `allowed`, best first."""
    places, costs = torch.as_tensor(_places(problem)).clamp(max=1 - 1e-9), torch.as_tensor(problem.fidelities.costs)
    target = problem.fidelities.target
    nowhere = np.zeros((0, problem.space.k))
    offered = [
        problem.pool[s] if problem.pool is not None else candidates(problem, nowhere, rng, SEARCHED) for s in allowed
    ]

    def to_target(X: Tensor) -> Tensor:
        return torch.cat([X[..., :-1], X.new_full((*X.shape[:-1], 1), float(places[target]))], -1)

    def cost(X: Tensor) -> Tensor:
        nearest = (X[..., -1:] - places).abs().argmin(-1, keepdim=True)
        return costs[nearest]

    whole = torch.as_tensor(np.concatenate(offered)[:MOST])
    entropy = qMultiFidelityMaxValueEntropy(
        model,
        candidate_set=torch.cat([whole, whole.new_zeros(len(whole), 1)], -1),
        num_mv_samples=MAX_VALUES,
        project=to_target,
        cost_aware_utility=InverseCostWeightedUtility(GenericDeterministicModel(cost)),
    )
    found = []
    for size, X in zip(allowed, offered, strict=True):
        points = torch.as_tensor(np.column_stack([X, np.full(len(X), float(places[size]))])).unsqueeze(-2)
        with torch.no_grad():
            values = torch.cat([entropy(chunk) for chunk in points.split(CHUNK)]).numpy()
        found += [(x, size, float(value)) for x, value in zip(X, values, strict=True)]
    return sorted(found, key=lambda trial: -trial[2])


def _recommend(problem: Problem, seen: Observations, rows: np.ndarray) -> Recommendation:
    if rows.sum() < ENOUGH:
        return Recommendation(problem.prior, how="the baseline mixture: fewer than two trials have a score")
    target = problem.fidelities.target
    with manual_seed(0):
        model = _fit(problem, seen, rows)
        rng = np.random.default_rng(0)
        mean = _AtSize(PosteriorMean(model), problem, target)
        best = maximise(problem, mean, candidates(problem, seen.X[rows][:8], rng))[0][0]
        x = torch.as_tensor(np.append(best, _places(problem)[target]))[None]
        with torch.no_grad():
            posterior = model.posterior(x)
    value, sd = float(posterior.mean), float(posterior.variance.sqrt())
    how = f"highest posterior mean at {problem.fidelities.names[target]} of one process for the objective ({rows.sum()} trials)"
    return Recommendation(best, mean=value, low=value - 1.645 * sd, high=value + 1.645 * sd, how=how)
