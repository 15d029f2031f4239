"""Where the prior on a process's noise has its centre: what evaluations report as standard errors pulls it."""

from __future__ import annotations

import numpy as np

from admire.optimize.surrogates.standardise import Standardisation

LOG_NOISE = (-2.0, 1.5)  # normal prior on log(noise variance / standardised variance), a size
# Test items are shared between trials: of the variance that benchmarks report about this share differs between mixtures, of
# that of losses on the same documents far less. So it only pulls the prior's centre half of the way.
REPORTED_SHARE, REPORTED_PULL = 0.4, 0.5
LOG_NOISE_RANGE = (-7.0, 0.0)  # of what is reported


def noise_centres(stderr: np.ndarray, size: np.ndarray, scalings: tuple[Standardisation, ...]) -> np.ndarray:
    """Centres (p x M) of the prior on log(noise variance / standardised variance): between the default and what the reported
    standard errors (n x p) say; the default where there are none."""
    centres = np.full((len(scalings), len(scalings[0].scale)), LOG_NOISE[0])
    for j, scaling in enumerate(scalings):
        for s in np.unique(size):
            reported = stderr[size == s, j]
            reported = reported[np.isfinite(reported) & (reported > 0)]
            if len(reported):
                share = REPORTED_SHARE * (reported**2).mean() / scaling.scale[s] ** 2
                centres[j, s] += REPORTED_PULL * (np.clip(np.log(share), *LOG_NOISE_RANGE) - centres[j, s])
    return centres
