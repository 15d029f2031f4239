"""RegMix and related methods: train random mixtures at the cheapest size, fit a regression, recommend its best prediction.

The target is never trained: the mixture that is predicted to be best at the cheapest size is recommended for it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from admire.optimize.problem import Observations, Pending, Problem, Proposal, Recommendation
from admire.optimize.surrogates import mixing_law, regressions
from admire.optimize.surrogates.regressions import Predict
from admire.optimize.tried import Tried, random_mixtures, sample
from admire.space.money import affordable

SIMULATED = 20_000  # random mixtures of the continuous space whose scores are predicted
TOP = 100  # this many of them, the best predicted, are averaged (arXiv 2407.01492, section 3.3)


class Proxy:
    """Random search at the cheapest size; recommends by a regression on its trials.

    Subclasses set `fit` (the regression), `name` (for sentences) and `by_metric` (fit one regression per metric, not one for
    the objective).
    """

    fit: Callable[[np.ndarray, np.ndarray], Predict]
    name: str
    by_metric = False

    def propose(
        self, problem: Problem, seen: Observations, pending: Pending, *, q: int, budget: float, rng: np.random.Generator
    ) -> list[Proposal]:
        """Up to `q` random mixtures at the cheapest size."""
        cost, name = problem.fidelities.costs[0], problem.fidelities.names[0]
        tried = Tried(problem, seen, pending)
        mixtures = random_mixtures(problem, tried, 0, min(q, affordable(budget, cost)), rng)
        return [Proposal(weights, 0, why=f"a random mixture at {name} for {self.name}") for weights in mixtures]

    def recommend(self, problem: Problem, seen: Observations) -> Recommendation:
        """The mixture that is predicted to be best; in the continuous space the mean of the `TOP` best, as in RegMix."""
        predict = self._fitted(problem, seen)
        size = problem.fidelities.names[0]
        if predict is None:
            return Recommendation(
                problem.prior, how=f"the baseline mixture: too few scored mixtures at {size} for {self.name}"
            )
        if problem.pool is not None:
            X = problem.pool[problem.fidelities.target]
            best = X[int(predict(X).argmax())]
        else:
            X = sample(problem, SIMULATED, np.random.default_rng(0))
            tops = X[np.argsort(-predict(X), kind="stable")[:TOP]]
            best = problem.space.project(tops.mean(0))[0]
        n = int(np.isfinite(problem.objective(seen.Y))[seen.size == 0].sum())
        return Recommendation(best, how=f"the best that {self.name} predicts from {n} random mixtures at {size}")

    def _fitted(self, problem: Problem, seen: Observations) -> Predict | None:
        """The fitted prediction of the objective; None with fewer than three scored trials at the cheapest size."""
        rows = (seen.size == 0) & np.isfinite(problem.objective(seen.Y))
        if rows.sum() < 3:
            return None
        X, fit = seen.X[rows], type(self).fit
        if not self.by_metric:
            return fit(X, problem.objective(seen.Y)[rows])
        used = np.flatnonzero(problem.objective.weights)
        parts = [fit(X, seen.Y[rows, j]) for j in used]
        weights = problem.objective.normalised[used]
        return lambda new: sum(weight * part(new) for weight, part in zip(weights, parts, strict=True))


class RegMixLinear(Proxy):
    """RegMix with a linear regression."""

    fit, name = staticmethod(regressions.linear), "a linear regression"


class RegMixLightGBM(Proxy):
    """RegMix with boosted trees, which its authors chose."""

    fit, name = staticmethod(regressions.lightgbm), "boosted trees"


class SupportVectors(Proxy):
    """RBF support vector regression, the baseline of arXiv 2508.11551."""

    fit, name = staticmethod(regressions.support_vectors), "support vector regression"


class MixingLaw(Proxy):
    """The exponential data mixing law, one per metric."""

    fit, name, by_metric = staticmethod(mixing_law.exponential), "the exponential mixing law", True
