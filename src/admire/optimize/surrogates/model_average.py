"""A weighted average of two models of the same problem: one learns from all sizes, the other from the target alone.

Small sizes may be uninformative about the target, or even misleading; the first model is then confidently wrong. The trials at
the target reveal this: each model predicts them leave-one-out, and the more accurate one gets the larger weight.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np
from botorch.acquisition import AcquisitionFunction
from torch import Tensor

from admire.optimize.problem import Observations, Problem
from admire.optimize.surrogates.gaussian_process import GaussianProcesses, Kernels
from admire.optimize.surrogates.interval import PRIOR_TRIALS, variance_inflation, z90

# Prior weight of the model that learns from all sizes, before the target has trials: PRIOR_FLOOR + PRIOR_SLOPE * R2, at most
# PRIOR_CAP and at least PRIOR_FLOOR. R2 is the model's leave-one-out accuracy at the small size with most trials.
PRIOR_FLOOR, PRIOR_SLOPE, PRIOR_CAP = 0.6, 0.35, 0.95
ENOUGH = 4  # the fewest trials from which a leave-one-out R2 is computed


@dataclass(frozen=True, eq=False)
class ModelAverage:
    """Fitted models with their weights, which sum to 1.

    Args:
        models: one that learns from all sizes and, once the target has trials, one that learns from these alone.
        model_weights: the weight of each model.
        seen: the observations that they were fitted to.
    """

    problem: Problem
    models: tuple[GaussianProcesses, ...]
    model_weights: tuple[float, ...]
    seen: Observations

    @classmethod
    def fit(cls, problem: Problem, seen: Observations, kernels: Kernels | None = None) -> ModelAverage | None:
        """Fit to the observed trials; None while a metric of the objective has no observation."""
        return _fitted(_Key(problem, seen, kernels or Kernels()))

    @property
    def all_sizes_weight(self) -> float | None:
        """Weight of the model that learns from all sizes; None while there is no other."""
        return self.model_weights[0] if len(self.models) > 1 else None

    def drawn(self, rng: np.random.Generator) -> GaussianProcesses:
        """One of the models, drawn with their weights as probabilities."""
        return self.models[int(rng.choice(len(self.models), p=self.model_weights))]

    def predict(self, X: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean (n) and covariance (n x n) of the objective's true mean at mixtures `X` (n x K), at a size.

        They are those of the model average, disagreement of its members included; at the target the covariance is scaled by the
        variance inflation factor from leave-one-out errors.
        """
        parts = [model.predict(X, size) for model in self._for(size)]
        weights = self._weights(size)
        mean = np.sum([w * m for w, (m, _) in zip(weights, parts, strict=True)], axis=0)
        covariance = np.sum(
            [w * (c + np.outer(m - mean, m - mean)) for w, (m, c) in zip(weights, parts, strict=True)], axis=0
        )
        return mean, covariance * self._variance_inflation(size)

    def predict_observation(self, X: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean (n) and standard deviation (n) of observations at mixtures `X` (n x K), at a size: noise included."""
        mean, covariance = self.predict(X, size)
        noise = sum(
            w * model.noise_variance(size) for w, model in zip(self._weights(size), self._for(size), strict=True)
        )
        return mean, np.sqrt(np.diag(covariance) + noise * self._variance_inflation(size))

    def means(self, X: np.ndarray, size: int) -> np.ndarray:
        """Posterior mean (n) of the objective at mixtures `X` (n x K), at a size."""
        return self.predict_metrics(X, size) @ self.models[0].weights

    def predict_metrics(self, X: np.ndarray, size: int) -> np.ndarray:
        """Posterior means (n x p) of the metrics in their own units, at mixtures `X` (n x K) and a size."""
        parts = [model.predict_metrics(X, size) for model in self._for(size)]
        return np.sum([w * part for w, part in zip(self._weights(size), parts, strict=True)], axis=0)

    def leave_one_out(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As `GaussianProcesses.leave_one_out`, except that the model average predicts the trials at the target."""
        index, mean, sd = self.models[0].leave_one_out()
        if len(self.models) == 1:
            return index, mean, sd
        alone, mean_alone, sd_alone = self.models[1].leave_one_out()
        at = np.searchsorted(index, alone)
        a, b = self.model_weights
        both = a * mean[at] + b * mean_alone
        variance = a * (sd[at] ** 2 + (mean[at] - both) ** 2) + b * (sd_alone**2 + (mean_alone - both) ** 2)
        mean, sd = mean.copy(), sd.copy()
        mean[at], sd[at] = both, np.sqrt(variance)
        return index, mean, sd

    def hyperparameters(self) -> dict[str, object]:
        """Hyper-parameters of the model that learns from all sizes, and its weight."""
        return {"trust_in_small_sizes": round(self.model_weights[0], 4), **self.models[0].hyperparameters()}

    def z90(self, size: int) -> float:
        """Half the width of a 90 % interval at a size, in standard deviations.

        At the target it is Student's t quantile, because the variance inflation is itself estimated from few trials.
        """
        return z90(int((self.seen.size == size).sum()) if size == self.problem.fidelities.target else None)

    def _variance_inflation(self, size: int) -> float:
        """The factor by which the models' variances at a size are too small (`surrogates/interval.py`); 1 except at the target."""
        if size != self.problem.fidelities.target:
            return 1.0
        return self._inflation_at_target

    @cached_property
    def _inflation_at_target(self) -> float:
        index, mean, sd = self.leave_one_out()
        at = self.seen.size[index] == self.problem.fidelities.target
        missed = (self.problem.objective(self.seen.Y[index[at]]) - mean[at]) / sd[at]
        return variance_inflation(missed)

    def _for(self, size: int) -> tuple[GaussianProcesses, ...]:
        """The models that apply to a size: all of them at the target, elsewhere the one that learns from all sizes."""
        return self.models if size == self.problem.fidelities.target else self.models[:1]

    def _weights(self, size: int) -> tuple[float, ...]:
        return self.model_weights if size == self.problem.fidelities.target else (1.0,)


class AverageMean(AcquisitionFunction):
    """Posterior mean of the objective at the target under the model average, as a BoTorch acquisition function."""

    def __init__(self, average: ModelAverage) -> None:
        target = average.problem.fidelities.target
        models = [model.at(target) for model in average.models]
        super().__init__(models[0])
        self.models, self.model_weights = models, average.model_weights

    def forward(self, X: Tensor) -> Tensor:
        """Values (b) of mixtures (b x 1 x K)."""
        parts = (
            w * model.posterior(X).mean.squeeze(-1).squeeze(-1)
            for w, model in zip(self.model_weights, self.models, strict=True)
        )
        return functools.reduce(Tensor.add, parts)


class _Key:
    """The cache key of a fit, so that proposing and recommending from the same trials fit once."""

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
    weight = _weight_of_all_sizes(problem, seen, everything, alone)
    return ModelAverage(problem, (everything, alone), (weight, 1 - weight), seen)


def _weight_of_all_sizes(
    problem: Problem, seen: Observations, everything: GaussianProcesses, alone: GaussianProcesses
) -> float:
    """Weight of the model that learns from all sizes: prior odds times the likelihood ratio of leave-one-out errors.

    The prior weight follows from the model's own accuracy at the small size with most trials. For Gaussian errors of unknown
    variance, the likelihood ratio of the two models on the target's k trials is (ratio of summed squared errors) ** (-k / 2);
    `PRIOR_TRIALS` pseudo-trials with the variance of the target's scores are added to both sums.
    """
    index, mean, _ = everything.leave_one_out()
    size, y = seen.size[index], problem.objective(seen.Y)[index]
    counts = np.bincount(size[size != problem.fidelities.target], minlength=1)
    small = size == counts.argmax()
    prior = np.clip(PRIOR_FLOOR + PRIOR_SLOPE * _r2(y[small], mean[small]), PRIOR_FLOOR, PRIOR_CAP)
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
    """R2: the fraction of the variance of `y` (n) that the predictions (n) explain; 0 with fewer than `ENOUGH` trials."""
    spread = ((y - y.mean()) ** 2).sum() if len(y) else 0.0
    return float(1 - ((y - predicted) ** 2).sum() / spread) if len(y) >= ENOUGH and spread > 0 else 0.0
