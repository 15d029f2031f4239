"""The centre of the prior on a process's noise, which reported standard errors of evaluations move."""

from __future__ import annotations

import numpy as np

from admire.optimize.surrogates.standardise import Standardisation

# Mean and standard deviation of the normal prior on log(noise variance / standardised variance), the same for every size.
LOG_NOISE = (-2.0, 1.5)
# Trials share their test items. Of the variance that a benchmark reports, only about this fraction differs between mixtures; of
# the variance of a loss on shared documents, far less. So reported errors move the prior's centre only half of the way.
REPORTED_SHARE, REPORTED_PULL = 0.4, 0.5
LOG_NOISE_RANGE = (-7.0, 0.0)  # the logarithm of the reported noise is clipped to this range


def noise_centres(stderr: np.ndarray, size: np.ndarray, scalings: tuple[Standardisation, ...]) -> np.ndarray:
    """Centres (p x M) of the prior on log(noise variance / standardised variance).

    Args:
        stderr: n x p reported standard errors, NaN where there are none.
        size: n indices of sizes.
        scalings: p standardisations.

    Returns:
        `LOG_NOISE[0]` for a metric and size without reported errors; otherwise a value between that and the reported noise.
    """
    centres = np.full((len(scalings), len(scalings[0].scale)), LOG_NOISE[0])
    for j, scaling in enumerate(scalings):
        for s in np.unique(size):
            reported = stderr[size == s, j]
            reported = reported[np.isfinite(reported) & (reported > 0)]
            if len(reported):
                share = REPORTED_SHARE * (reported**2).mean() / scaling.scale[s] ** 2
                centres[j, s] += REPORTED_PULL * (np.clip(np.log(share), *LOG_NOISE_RANGE) - centres[j, s])
    return centres
