"""The exponential data mixing law: a metric is `c + k exp(sum_j t_j w_j)` (arXiv 2403.16952, equation 6).

It is fitted by robust least squares. Searches begin at several starts, and the most promising one is continued. `k` may have
either sign, so that the law fits scores as well as losses.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import OptimizeResult, least_squares

from admire.optimize.surrogates.regressions import Predict

STARTS = 8
SCREENED = 15  # function evaluations per start before the starts are compared
FOLLOWED = 200  # function evaluations, at most, of the search that continues the best one
LARGEST_EXPONENT = 20.0  # exponents are clipped here, so that the exponential does not overflow
SHRINK = 1e-2  # ridge penalty on the exponents, which few runs do not determine


def exponential(X: np.ndarray, y: np.ndarray) -> Predict:
    """Fit the law to the mixtures `X` (n x K) of n runs and their values `y` (n) of one metric."""
    mean, scale = float(y.mean()), float(y.std()) or 1.0
    z = (y - mean) / scale
    rng = np.random.default_rng(0)
    k = X.shape[1]

    def search(start: np.ndarray, evaluations: int) -> OptimizeResult:
        return least_squares(_residuals, start, jac=_jacobian, loss="soft_l1", args=(X, z), max_nfev=evaluations)

    starts = [_start(sign, k, rng) for sign in (1.0, -1.0) for _ in range(STARTS // 2)]
    promising = min((search(start, SCREENED) for start in starts), key=lambda found: found.cost)
    best = search(promising.x, FOLLOWED).x
    return lambda new: mean + scale * _law(best, new)


def _start(sign: float, k: int, rng: np.random.Generator) -> np.ndarray:
    return np.concatenate([[-sign, sign], rng.normal(scale=1.0, size=k)])


def _law(parameters: np.ndarray, X: np.ndarray) -> np.ndarray:
    level, height, exponents = parameters[0], parameters[1], parameters[2:]
    return level + height * np.exp(np.clip(X @ exponents, -LARGEST_EXPONENT, LARGEST_EXPONENT))


def _residuals(parameters: np.ndarray, X: np.ndarray, z: np.ndarray) -> np.ndarray:
    return np.concatenate([_law(parameters, X) - z, SHRINK * parameters[2:]])


def _jacobian(parameters: np.ndarray, X: np.ndarray, z: np.ndarray) -> np.ndarray:
    growth = np.exp(np.clip(X @ parameters[2:], -LARGEST_EXPONENT, LARGEST_EXPONENT))
    top = np.column_stack([np.ones(len(X)), growth, (parameters[1] * growth)[:, None] * X])
    k = X.shape[1]
    return np.concatenate([top, np.column_stack([np.zeros((k, 2)), SHRINK * np.eye(k)])])
