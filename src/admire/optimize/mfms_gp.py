"""MFMS-GP: one process over mixture, model scale and training steps, expected improvement per unit of cost (arXiv 2503.21023).

The paper's abstract names the quantities that are modelled and says that simple kernels and acquisition functions suffice. These
choices are ours: the kernel is a Matérn-5/2 with one length-scale per source, times squared exponentials of log cost and of the
fraction of steps; a trial's value is the expected improvement of its mixture at the target, times the squared correlation
between the trial's fidelity and the target, per unit of cost.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from botorch.acquisition import AcquisitionFunction, PosteriorMean
from botorch.models import SingleTaskGP
from botorch.models.transforms import Standardize
from botorch.utils.sampling import manual_seed
from gpytorch.kernels import MaternKernel, RBFKernel, ScaleKernel
from scipy.stats import norm
from torch import Tensor

from admire.optimize.acquisition import candidates, maximise
from admire.optimize.problem import Observations, Pending, Problem, Proposal, Recommendation
from admire.optimize.surrogates.maximum_likelihood import fit
from admire.optimize.tried import Tried, random_mixtures
from admire.space import money

FIT_STEPS = 60  # iterations of L-BFGS per fit, at most
SEARCHED = 256  # random mixtures per fidelity among which a search of the continuous space chooses
CHUNK = 256  # mixtures evaluated in one batch, which bounds the memory
ENOUGH = 2  # the fewest scored trials that a model is fitted to


class MFMSGP:
    """Expected improvement at the target per unit of cost, over mixture, size and steps."""

    def propose(
        self, problem: Problem, seen: Observations, pending: Pending, *, q: int, budget: float, rng: np.random.Generator
    ) -> list[Proposal]:
        """Up to `q` trials; random ones at the cheapest fidelity until two have a score."""
        tried = Tried(problem, seen, pending)
        costs, names = problem.fidelities.costs, problem.fidelities.names
        scored = np.isfinite(problem.objective(seen.Y))
        if scored.sum() < ENOUGH:
            n = min(max(ENOUGH - len(pending.X), 1), money.affordable(budget, costs[0]))
            found = random_mixtures(problem, tried, 0, n, rng)
            return [Proposal(x, 0, why=f"a random mixture at {names[0]}: no model yet") for x in found]
        with manual_seed(int(rng.integers(2**31))):
            ranked = _ranked(problem, _fit(problem, seen, scored), seen.X[scored], tried, budget, rng)
        proposals: list[Proposal] = []
        for x, size, value in ranked:
            if len(proposals) == q:
                break
            price = tried.price(x, size)
            if (x, size) not in tried and money.buys(budget, price):
                tried.add(x, size)
                budget = money.left(budget, price)
                why = f"largest expected improvement per unit of cost ({value:.3g}), at {names[size]}"
                proposals.append(Proposal(x, size, {"acquisition": value}, why))
        return proposals

    def recommend(self, problem: Problem, seen: Observations) -> Recommendation:
        """The highest posterior mean at the target."""
        scored = np.isfinite(problem.objective(seen.Y))
        if scored.sum() < ENOUGH:
            return Recommendation(problem.prior, how="the baseline mixture: fewer than two trials have a score")
        with manual_seed(0):
            mean = _AtTarget(_fit(problem, seen, scored), problem)
            best = maximise(problem, mean, candidates(problem, seen.X[scored][:8], np.random.default_rng(0)))[0][0]
        name = problem.fidelities.names[problem.fidelities.target]
        return Recommendation(best, how=f"highest posterior mean at {name} of one process over mixture, size and steps")


class _AtTarget(AcquisitionFunction):
    """Posterior mean at the target, as a function of the mixture alone."""

    def __init__(self, model: SingleTaskGP, problem: Problem) -> None:
        super().__init__(model)
        self.mean = PosteriorMean(model)
        self.place = torch.as_tensor(_places(problem)[problem.fidelities.target])

    def forward(self, X: Tensor) -> Tensor:
        """Values (b) of mixtures (b x 1 x K)."""
        return self.mean(torch.cat([X, self.place.expand(*X.shape[:-1], 2)], -1))


def _places(problem: Problem) -> np.ndarray:
    """Positions of the fidelities (M x 2): log cost of the whole training, scaled to [0, 1], and fraction of its steps."""
    fidelities = problem.fidelities
    return np.column_stack([fidelities.scale(np.array(fidelities.whole)), fidelities.shares])


def _fit(problem: Problem, seen: Observations, scored: np.ndarray) -> SingleTaskGP:
    size = seen.size[scored]
    X = np.column_stack([seen.X[scored], _places(problem)[size]])
    cheap = (size == 0) & (problem.fidelities.target > 0)
    return fit(_process, X, problem.objective(seen.Y)[scored], cheap, FIT_STEPS)


def _process(X: Tensor, y: Tensor) -> SingleTaskGP:
    k = X.shape[1] - 2
    mixture = MaternKernel(nu=2.5, ard_num_dims=k, active_dims=torch.arange(k))
    size, steps = RBFKernel(active_dims=torch.tensor([k])), RBFKernel(active_dims=torch.tensor([k + 1]))
    return SingleTaskGP(X, y, covar_module=ScaleKernel(mixture * size * steps), outcome_transform=Standardize(1))


def _ranked(
    problem: Problem, model: SingleTaskGP, known: np.ndarray, tried: Tried, budget: float, rng: np.random.Generator
) -> list[tuple[np.ndarray, int, float]]:
    """(mixture, fidelity, value per unit of cost) of every candidate at every affordable fidelity, best first.

    Trials that stopped early are candidates at the fidelities to which they can be resumed.

    Args:
        known: mixtures (r x K) of the scored trials; their best posterior mean at the target is the value to improve on.
    """
    places, fidelities = _places(problem), problem.fidelities
    at_target, _, _ = _pairs(model, known, places[fidelities.target], places[fidelities.target])
    best = at_target.max()
    nowhere, found = np.zeros((0, problem.space.k)), []
    for size in range(fidelities.m):
        going_on = [x for x, longer in tried.stopped() if size in longer]
        prices = np.array([tried.price(x, size) for x in going_on])
        if not money.buys(budget, min([fidelities.costs[size], *prices])):
            continue
        X = problem.pool[size] if problem.pool is not None else candidates(problem, nowhere, rng, SEARCHED)
        prices = np.concatenate([prices, np.full(len(X), fidelities.costs[size])])
        X = np.concatenate([*(x[None] for x in going_on), X])
        mean, sd, correlation = _pairs(model, X, places[size], places[fidelities.target])
        z = (mean - best) / sd
        gain = sd * (z * norm.cdf(z) + norm.pdf(z)) * correlation**2 / prices
        found += [(x, size, float(value)) for x, value in zip(X, gain, strict=True)]
    return sorted(found, key=lambda trial: -trial[2])


def _pairs(model: SingleTaskGP, X: np.ndarray, here: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, ...]:
    """Posterior of n mixtures at two fidelities, given by their positions `here` and `target`.

    Returns:
        mean (n) and standard deviation (n) at the target, and the correlation (n) between a mixture's values at the two.
    """
    means, covariances = [], []
    with torch.no_grad():
        for part in np.split(X, range(CHUNK, len(X), CHUNK)):
            points = [np.column_stack([part, np.tile(place, (len(part), 1))]) for place in (here, target)]
            posterior: Any = model.posterior(torch.as_tensor(np.concatenate(points)))
            means.append(posterior.mean[len(part) :, 0].numpy())
            covariance = posterior.distribution.covariance_matrix.numpy().reshape(2, len(part), 2, len(part))
            covariances.append(np.einsum("iaja->aij", covariance))
    mean, covariance = np.concatenate(means), np.concatenate(covariances)
    sd = np.sqrt(np.maximum(covariance[:, [0, 1], [0, 1]], 1e-18))
    return mean, sd[:, 1], covariance[:, 0, 1] / (sd[:, 0] * sd[:, 1])
