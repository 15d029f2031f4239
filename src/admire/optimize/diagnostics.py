"""Diagnostics of the surrogate model: its cross-validated accuracy, and the influence of each source on each metric."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from scipy.stats import spearmanr

from admire.optimize.problem import Observations, Problem
from admire.optimize.surrogates.gaussian_process import Kernels
from admire.optimize.surrogates.model_average import ModelAverage
from admire.space.simplex import CappedSimplex

ENOUGH = 4  # the fewest trials of one size from which an accuracy is reported
Z90 = NormalDist().inv_cdf(0.95)


def loo_predictions(
    problem: Problem, seen: Observations, kernels: Kernels | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Predict each trial's objective from all other trials. Hyper-parameters are not refitted: they come from all trials.

    Returns:
        index (r) into `seen` of the trials with every metric of the objective; predicted mean (r) and standard deviation (r) of
        the observation, noise included. All are empty while there is no model.
    """
    surrogate = ModelAverage.fit(problem, seen, kernels) if seen.n else None
    return surrogate.leave_one_out() if surrogate else (np.zeros(0, dtype=int), np.zeros(0), np.zeros(0))


def accuracy(problem: Problem, seen: Observations, surrogate: ModelAverage) -> dict[str, float]:
    """Leave-one-out accuracy at the target or, while the target has fewer than 4 trials, at the size with the most trials.

    Returns:
        `size` (its index), `n` (trials), `r2`, `spearman` (rank correlation) and `coverage90` (fraction of the trials inside
        their 90 % interval). Values that are not defined are left out; empty if no size has 4 trials.
    """
    index, mean, sd = surrogate.leave_one_out()
    sizes = seen.size[index]
    counts = np.bincount(sizes, minlength=problem.fidelities.m)
    target = problem.fidelities.target
    size = target if counts[target] >= ENOUGH else int(counts.argmax())
    if counts[size] < ENOUGH:
        return {}
    here = sizes == size
    y, mean, sd = problem.objective(seen.Y)[index][here], mean[here], sd[here]
    spread = float(((y - y.mean()) ** 2).sum())
    found = {
        "size": float(size),
        "n": float(len(y)),
        "r2": 1 - float(((y - mean) ** 2).sum()) / spread if spread > 0 else np.nan,
        "spearman": float(spearmanr(y, mean).statistic) if spread > 0 and np.ptp(mean) > 0 else np.nan,
        "coverage90": float((abs(y - mean) <= Z90 * sd).mean()),
    }
    return {name: value for name, value in found.items() if np.isfinite(value)}


def influence(problem: Problem, seen: Observations, kernels: Kernels | None = None) -> np.ndarray:
    """Influence of each source on each metric at the target.

    Returns:
        K x m changes of the predicted metric as the source's weight rises from the least to the largest that is possible, while
        the others keep the baseline mixture's proportions. NaN for metrics without weight in the objective, and everywhere
        while there is no model.
    """
    change = np.full((problem.space.k, len(problem.objective.metrics)), np.nan)
    surrogate = ModelAverage.fit(problem, seen, kernels) if seen.n else None
    if surrogate is not None:
        ends = np.array([_ends(problem, k) for k in range(problem.space.k)])
        low, high = (surrogate.predict_metrics(ends[:, i], problem.fidelities.target) for i in range(2))
        change[:, problem.objective.weights != 0] = high - low
    return change


def _ends(problem: Problem, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The mixtures (K) with the least and the largest weight of source `k`, the others in the baseline mixture's proportions."""
    space = problem.space
    others = np.delete(space.caps, k)
    least, largest = max(0.0, 1 - others.sum()), space.caps[k]
    ends = []
    for weight in (least, largest):
        mixture = np.insert(np.zeros(space.k - 1), k, weight)
        if weight < 1:
            rest = CappedSimplex(tuple(np.delete(space.names, k)), others / (1 - weight))
            prior = np.delete(problem.prior, k)
            mixture += np.insert(rest.fill(prior if prior.sum() > 0 else others), k, 0.0) * (1 - weight)
        ends.append(mixture)
    return ends[0], ends[1]
