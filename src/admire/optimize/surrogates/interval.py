"""The width of predicted intervals: how much too small the variances of a surrogate that was fitted to few trials are.

The evidence is leave-one-out errors at the target (docs/method.md, "Intervals"). It is itself little, so it is mixed with
`PRIOR_TRIALS` pseudo-trials whose errors are as expected, and the quantile is Student's t instead of the normal one.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

PRIOR_TRIALS = 4  # pseudo-trials that shrink squared errors towards their expectation


def variance_inflation(z: np.ndarray) -> float:
    """The factor on predicted variances: the mean squared leave-one-out z-score, shrunk towards 1.

    Args:
        z: k errors of left-out trials, in predicted standard deviations.
    """
    return float((PRIOR_TRIALS + (z**2).sum()) / (PRIOR_TRIALS + len(z)))


def z90(trials: int | None) -> float:
    """Half the width of a 90 % interval, in standard deviations.

    Args:
        trials: the number of trials that the variance inflation was estimated from; None where it was not estimated.
    """
    return float(norm.ppf(0.95) if trials is None else student.ppf(0.95, PRIOR_TRIALS + trials))
