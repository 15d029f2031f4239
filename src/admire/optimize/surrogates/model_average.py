"""Two models of one problem and how far each is trusted: one learns from all sizes, one from the target alone.

Small sizes may say nothing about the target, or the opposite of what is true there. The first model is then confidently
wrong, and it is the target's own trials that tell: each model predicts them, left out, and is trusted by how well.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from botorch.acquisition import AcquisitionFunction
from scipy.stats import norm
from scipy.stats import t as student
from torch import Tensor

from admire.optimize.problem import Observations, Problem
from admire.optimize.surrogates.gaussian_process import GaussianProcesses, Kernels

# Trust in the small sizes before the target has spoken, by how well they predict themselves.
TRUST_FLOOR, TRUST_SLOPE, TRUST_CAP = 0.6, 0.35, 0.95
PRIOR_TRIALS = 4  # so many trials of the size expected are added to squared errors
ENOUGH = 4  # trials for a leave-one-out R2


@dataclass(frozen=True, eq=False)
class ModelAverage:
    """Fitted models with their weights, which sum to 1.

    Args:
        models: one that learns from all sizes and, once the target has trials, one that learns from these alone.
        trust: their weights.
        seen: what they were fitted to.
    """

    problem: Problem
    models: tuple[GaussianProcesses, ...]
    trust: tuple[float, ...]
    seen: Observations

    @classmethod
    def fit(cls, problem: Problem, seen: Observations, kernels: Kernels | None = None) -> ModelAverage | None:
        """Fit to the trials seen; None while a metric of the objective has not been seen at all."""
        return _fitted(_Key(problem, seen, kernels or Kernels()))

    @property
    def trust_in_small_sizes(self) -> float | None:
        """Weight of the model that learns from all sizes; None while there is no other."""
        return self.trust[0] if len(self.models) > 1 else None

    def drawn(self, rng: np.random.Generator) -> GaussianProcesses:
        """One of the models, by trust."""
        return self.models[int(rng.choice(len(self.models), p=self.trust))]

    def predict(self, X: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean (n) and covariance (n x n) of the objective's true mean at mixtures `X` (n x K), at a size: those of the
        models' mixture, what they disagree about included, at the target in the measure in which left-out trials missed."""
        parts = [model.predict(X, size) for model in self._for(size)]
        trust = self._trust(size)
        mean = np.sum([w * m for w, (m, _) in zip(trust, parts, strict=True)], axis=0)
        covariance = np.sum(
            [w * (c + np.outer(m - mean, m - mean)) for w, (m, c) in zip(trust, parts, strict=True)], axis=0
        )
        return mean, covariance * self._variance_inflation(size)

    def predict_observation(self, X: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean (n) and sd (n) of what trials at mixtures `X` (n x K) would return, at a size: noise included."""
        mean, covariance = self.predict(X, size)
        noise = sum(w * model.noise_variance(size) for w, model in zip(self._trust(size), self._for(size), strict=True))
        return mean, np.sqrt(np.diag(covariance) + noise * self._variance_inflation(size))

    def means(self, X: np.ndarray, size: int) -> np.ndarray:
        """Mean (n) of the objective at mixtures `X` (n x K), at a size."""
        return self.predict_metrics(X, size) @ self.models[0].weights

    def predict_metrics(self, X: np.ndarray, size: int) -> np.ndarray:
        """Posterior means (n x p) of the metrics in their own units."""
        parts = [model.predict_metrics(X, size) for model in self._for(size)]
        return np.sum([w * part for w, part in zip(self._trust(size), parts, strict=True)], axis=0)

    def leave_one_out(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `GaussianProcesses.leave_one_out`; the target's trials are predicted by the models' mixture."""
        index, mean, sd = self.models[0].leave_one_out()
        if len(self.models) == 1:
            return index, mean, sd
        alone, mean_alone, sd_alone = self.models[1].leave_one_out()
        at = np.searchsorted(index, alone)
        a, b = self.trust
        both = a * mean[at] + b * mean_alone
        variance = a * (sd[at] ** 2 + (mean[at] - both) ** 2) + b * (sd_alone**2 + (mean_alone - both) ** 2)
        mean, sd = mean.copy(), sd.copy()
        mean[at], sd[at] = both, np.sqrt(variance)
        return index, mean, sd

    def hyperparameters(self) -> dict[str, object]:
        """Of the model that learns from all sizes, and the trust in it."""
        return {"trust_in_small_sizes": round(self.trust[0], 4), **self.models[0].hyperparameters()}

    def z90(self, size: int) -> float:
        """Half the width of a 90 % interval at a size, in standard deviations: Student's t, because
        the variance inflation was itself estimated from few trials."""
        if size != self.problem.fidelities.target:
            return float(norm.ppf(0.95))
        return float(student.ppf(0.95, PRIOR_TRIALS + (self.seen.size == size).sum()))

    def _variance_inflation(self, size: int) -> float:
        """By how much variances at the target are too small: mean square of what left-out trials missed, in predicted standard
        deviations, with a few trials that missed as predicted added."""
        if size != self.problem.fidelities.target:
            return 1.0
        return self._inflation_at_target

    @cached_property
    def _inflation_at_target(self) -> float:
        index, mean, sd = self.leave_one_out()
        at = self.seen.size[index] == self.problem.fidelities.target
        missed = (self.problem.objective(self.seen.Y[index[at]]) - mean[at]) / sd[at]
        return float((PRIOR_TRIALS + (missed**2).sum()) / (PRIOR_TRIALS + at.sum()))

    def _for(self, size: int) -> tuple[GaussianProcesses, ...]:
        """The models that know a size."""
        return self.models if size == self.problem.fidelities.target else self.models[:1]

    def _trust(self, size: int) -> tuple[float, ...]:
        return self.trust if size == self.problem.fidelities.target else (1.0,)


class TrustedMean(AcquisitionFunction):
    """Posterior mean of the objective at the target under all models."""

    def __init__(self, average: ModelAverage) -> None:
        target = average.problem.fidelities.target
        models = [model.at(target) for model in average.models]
        super().__init__(models[0])
        self.models, self.trust = models, average.trust

    def forward(self, X: Tensor) -> Tensor:
        """Values (b) of mixtures (b x 1 x K)."""
        parts = (
            w * model.posterior(X).mean.squeeze(-1).squeeze(-1)
            for w, model in zip(self.trust, self.models, strict=True)
        )
        return functools.reduce(Tensor.add, parts)


class _Key:
    """What a fit depends on, so that proposing and recommending share one."""

    def __init__(self, problem: Problem, seen: Observations, kernels: Kernels) -> None:
        self.problem, self.seen, self.kernels = problem, seen, kernels
        parts = (seen.X, seen.size, seen.Y, seen.stderr, problem.objective.weights)
        self.content = (kernels, repr(problem.fidelities), *((part.shape, part.tobytes()) for part in parts))

    def __hash__(self) -> int:
        return hash(self.content)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Key) and self.content == other.content


@lru_cache(maxsize=4)
def _fitted(key: _Key) -> ModelAverage | None:
    problem, seen = key.problem, key.seen
    everything = GaussianProcesses.fit(problem, seen, key.kernels)
    if everything is None:
        return None
    target = problem.fidelities.target
    alone = None
    if target > 0 and (seen.size != target).any():
        alone = GaussianProcesses.fit(problem, seen, replace(key.kernels, fidelity="independent"), only=target)
    if alone is None:
        return ModelAverage(problem, (everything,), (1.0,), seen)
    trust = _trust_in_small_sizes(problem, seen, everything, alone)
    return ModelAverage(problem, (everything, alone), (trust, 1 - trust), seen)


def _trust_in_small_sizes(
    problem: Problem, seen: Observations, everything: GaussianProcesses, alone: GaussianProcesses
) -> float:
    """Weight of the model that learns from all sizes."""
    index, mean, _ = everything.leave_one_out()
    size, y = seen.size[index], problem.objective(seen.Y)[index]
    counts = np.bincount(size[size != problem.fidelities.target], minlength=1)
    small = size == counts.argmax()
    prior = np.clip(TRUST_FLOOR + TRUST_SLOPE * _r2(y[small], mean[small]), TRUST_FLOOR, TRUST_CAP)
    odds = np.log(prior / (1 - prior))
    at_target, mean_alone, _ = alone.leave_one_out()
    k = len(at_target)
    if k >= 2:
        truth = problem.objective(seen.Y)[at_target]
        mean_all = mean[np.searchsorted(index, at_target)]
        floor = PRIOR_TRIALS * truth.var(ddof=1)
        errors_all, errors_alone = (((truth - m) ** 2).sum() for m in (mean_all, mean_alone))
        if floor > 0:
            odds -= k / 2 * np.log((floor + errors_all) / (floor + errors_alone))
    return float(1 / (1 + np.exp(-odds)))


def _r2(y: np.ndarray, predicted: np.ndarray) -> float:
    """Share of the variance that the predictions explain; 0 with too few trials."""
    spread = ((y - y.mean()) ** 2).sum() if len(y) else 0.0
    return float(1 - ((y - predicted) ** 2).sum() / spread) if len(y) >= ENOUGH and spread > 0 else 0.0
