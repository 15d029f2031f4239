"""The recommended mixture for the target, its uncertainty, and the gain that further trials could bring."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from botorch.utils.sampling import manual_seed
from scipy.stats import norm

from admire.optimize.acquisition import candidates, maximise
from admire.optimize.diagnostics import accuracy
from admire.optimize.problem import Observations, Problem, Recommendation
from admire.optimize.surrogates.gaussian_process import Kernels
from admire.optimize.surrogates.model_average import AverageMean, ModelAverage
from admire.optimize.surrogates.search_settings import searching

RIVALS = 256  # the recommendation is compared with this many random mixtures and this many near it
DRAWS = 400  # functions drawn from the posterior to estimate probabilities and the range of good mixtures
SAME = 1e-9  # mixtures whose weights all differ by at most this are the same mixture


@searching()
def recommend(problem: Problem, seen: Observations, kernels: Kernels | None = None) -> Recommendation:
    """The mixture with the highest posterior mean of the objective at the target; the baseline mixture while there is no model."""
    with manual_seed(0):
        surrogate = ModelAverage.fit(problem, seen, kernels) if seen.n else None
        if surrogate is None:
            return Recommendation(problem.prior, how="the baseline mixture: no trial has been scored yet")
        rng = np.random.default_rng(0)
        target = problem.fidelities.target
        means = surrogate.means(seen.X, target)
        tops = seen.X[np.argsort(-means, kind="stable")[:8]]
        ranked, _ = maximise(problem, AverageMean(surrogate), candidates(problem, tops, rng))
    best = ranked[0]
    # Row 0 is the recommendation, row 1 the baseline mixture; the other rows are the mixtures to compare with.
    rivals = candidates(problem, best[None], rng, RIVALS)
    mean, covariance = surrogate.predict(np.concatenate([best[None], problem.prior[None], rivals]), target)
    reach = surrogate.z90(target) * float(np.sqrt(covariance[0, 0]))
    low, high = _range_of_best(np.concatenate([best[None], rivals]), np.delete(mean, 1), _without(covariance, 1), rng)
    is_best, observed_is_best = _chances(problem, seen, surrogate, best, rng)
    found = accuracy(problem, seen, surrogate)
    return Recommendation(
        weights=best,
        mean=float(mean[0]),
        low=float(mean[0] - reach),
        high=float(mean[0] + reach),
        how=_how(problem, seen, found, surrogate.all_sizes_weight),
        gain_per_cost=float(_expected_gain(mean, covariance).max()) / problem.fidelities.costs[target],
        beats_prior=_beats(mean, covariance, 1),
        is_best=is_best,
        observed_is_best=observed_is_best,
        all_sizes_weight=surrogate.all_sizes_weight,
        weights_low=low,
        weights_high=high,
        accuracy=found,
        hyperparameters=surrogate.hyperparameters(),
    )


def _expected_gain(mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """E[max(f_i - f_0, 0)] (n) of each mixture i over mixture 0, both uncertain.

    An error that both share, such as that of the size's level, cancels.
    """
    gain = mean - mean[0]
    sd = np.sqrt(np.maximum(np.diag(covariance) + covariance[0, 0] - 2 * covariance[0], 1e-300))
    return sd * (gain / sd * norm.cdf(gain / sd) + norm.pdf(gain / sd))


def _beats(mean: np.ndarray, covariance: np.ndarray, other: int) -> float:
    """Posterior probability that mixture 0 is better than mixture `other`; one half if they are the same."""
    sd = np.sqrt(max(covariance[0, 0] + covariance[other, other] - 2 * covariance[0, other], 1e-300))
    return NormalDist().cdf(float((mean[0] - mean[other]) / sd))


def _range_of_best(
    X: np.ndarray, mean: np.ndarray, covariance: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Range of the best mixture's weights: per source the 5 % and 95 % quantiles (K each) over functions drawn from the posterior.

    The range is widened where necessary to contain `X[0]`, the recommendation.
    """
    low, high = np.quantile(X[_draws(mean, covariance, rng).argmax(1)], [0.05, 0.95], axis=0)
    return np.minimum(low, X[0]), np.maximum(high, X[0])


def _chances(
    problem: Problem, seen: Observations, surrogate: ModelAverage, best: np.ndarray, rng: np.random.Generator
) -> tuple[float | None, float | None]:
    """Probability of being the best one among the recommendation and all mixtures scored at the target.

    Returns:
        that of the recommendation `best` (K), and that of the best observed mixture at the target; None and None while no
        mixture was scored at the target.
    """
    target = problem.fidelities.target
    scores = np.where(seen.size == target, problem.objective(seen.Y), np.nan)
    if not np.isfinite(scores).any():
        return None, None
    rivals = np.unique(seen.X[np.isfinite(scores)], axis=0)
    rivals = np.concatenate([best[None], rivals[abs(rivals - best).max(1) > SAME]])
    draws = _draws(*surrogate.predict(rivals, target), rng)
    share = np.bincount(draws.argmax(1), minlength=len(rivals)) / len(draws)
    observed = int(abs(rivals - seen.X[int(np.nanargmax(scores))]).max(1).argmin())
    return float(share[0]), float(share[observed])


def _draws(mean: np.ndarray, covariance: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Values at n mixtures of functions drawn from the posterior (DRAWS x n)."""
    return rng.multivariate_normal(mean, covariance, size=DRAWS, method="eigh", check_valid="ignore")


def _without(matrix: np.ndarray, i: int) -> np.ndarray:
    return np.delete(np.delete(matrix, i, 0), i, 1)


def _how(problem: Problem, seen: Observations, found: dict[str, float], weight: float | None) -> str:
    """One sentence: the number of trials per size, the weight of the model that learns from all sizes (`weight`), and the
    cross-validated accuracy (`found`)."""
    names = problem.fidelities.names
    scored = seen.size[np.isfinite(problem.objective(seen.Y))]
    counts = ", ".join(f"{(scored == s).sum()} at {names[s]}" for s in range(len(names)) if (scored == s).any())
    target = names[problem.fidelities.target]
    text = f"highest posterior mean at {target} of one Gaussian process per metric ({counts or 'no whole score'})"
    if problem.fidelities.target not in scored:
        text += f"; no trial at {target} yet, so the level there is extrapolated"
    if weight is not None and weight < 0.5:
        text += f"; smaller sizes do not agree with {target} (trusted with {weight:.0%}), its own trials decide"
    elif weight is not None:
        text += f"; what smaller sizes say is trusted with {weight:.0%}"
    if not found:
        return text + "; too few trials for cross-validation"
    rank = f"rank correlation {found['spearman']:.2f}, " if "spearman" in found else ""
    return text + (
        f"; left-out trials at {names[int(found['size'])]} are predicted with {rank}"
        f"{found['coverage90']:.0%} of {found['n']:.0f} inside their 90 % interval"
    )
