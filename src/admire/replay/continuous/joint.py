"""Emulators of one metric at all sizes, coupled so that sizes agree as much as in the table and no more.

The cheapest size has an emulator of the family. That of a dearer size is a line of it, plus a function of its own (kernel ridge
regression on what the line leaves) only if that predicts held-out runs better. Emulators that are fitted size by size would
disagree by their own errors too, most of all at the target, which has the fewest runs.

The noise of a metric at a size is the error on held-out runs. It contains the emulator's own error there, so it is a little too
large; the error on the runs that it was fitted to would be much too small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.kernel_ridge import KernelRidge

from admire.replay.continuous.families import FAMILIES, Emulator, Predict
from admire.replay.continuous.roots import roots

FOLDS = 8
FEWEST = FOLDS  # runs that a size needs: one per fold
ALPHAS, GAMMAS = (0.3, 1.0, 3.0, 10.0, 30.0), (0.3, 1.0, 3.0)
WORTH = 0.98  # a function of its own must lower the held-out mean squared error of the line at least to this fraction
RESIDUAL_ROWS = 512  # it is fitted to at most this many runs, drawn at random: its time grows with their third power

Setting = tuple[float, float] | None  # alpha and gamma of the ridge regression; None for the line alone


@dataclass(frozen=True)
class Runs:
    """The runs of one metric: per size (M) mixtures (n_s x K) and scores (n_s), without those that lack the score."""

    X: tuple[np.ndarray, ...]
    y: tuple[np.ndarray, ...]
    seed: int


@dataclass(frozen=True)
class Link:
    """What leads from the cheapest size's scores to those of a dearer size.

    Args:
        slope, intercept: of the line.
        own: the function that is added to the line; None if there is none.
    """

    slope: float
    intercept: float
    own: KernelRidge | None

    @classmethod
    def fit(cls, below: np.ndarray, X: np.ndarray, y: np.ndarray, setting: Setting) -> Link:
        """Fit the line, and then the function of its own to what the line leaves.

        Args:
            below: n scores that the cheapest size's emulator gives to the mixtures.
            X, y: mixtures (n x K) and scores (n) of the dearer size.
        """
        slope = float(np.cov(below, y)[0, 1] / below.var(ddof=1)) if below.std() > 0 else 0.0
        intercept = float(y.mean() - slope * below.mean())
        if setting is None:
            return cls(slope, intercept, None)
        alpha, gamma = setting
        rows = np.random.default_rng(0).permutation(len(X))[:RESIDUAL_ROWS]
        left = y - slope * below - intercept
        return cls(
            slope, intercept, KernelRidge(kernel="rbf", alpha=alpha, gamma=gamma).fit(roots(X[rows]), left[rows])
        )

    def __call__(self, below: np.ndarray, X: np.ndarray) -> np.ndarray:
        """Scores (n) at the dearer size of mixtures `X` (n x K) that have the scores `below` (n) at the cheapest size."""
        line = self.slope * below + self.intercept
        return line if self.own is None else line + np.asarray(self.own.predict(roots(X)))


@dataclass(frozen=True)
class Linked:
    """The emulator of a dearer size."""

    cheap: Emulator
    link: Link

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Values (n) of mixtures (n x K)."""
        return self.link(self.cheap(X), X)


@dataclass(frozen=True)
class Metric:
    """One metric's M emulators, and its standard deviations of noise (M)."""

    emulators: tuple[Predict, ...]
    noise: tuple[float, ...]


def fit_metric(family: str, runs: Runs) -> Metric:
    """Fit one metric's emulators at all sizes.

    Args:
        family: a name of `FAMILIES`.
    """
    cheap = FAMILIES[family](runs.X[0], runs.y[0], runs.seed)

    def anew(rows: np.ndarray, out: np.ndarray) -> np.ndarray:
        return cheap.again(runs.X[0][rows], runs.y[0][rows])(runs.X[0][out])

    emulators: list[Predict] = [cheap]
    noise = [_held_out_error(runs.y[0], anew)]
    for X, y in zip(runs.X[1:], runs.y[1:], strict=True):
        link, error = _linked(cheap(X), X, y)
        emulators.append(Linked(cheap, link))
        noise.append(error)
    return Metric(tuple(emulators), tuple(noise))


def _linked(below: np.ndarray, X: np.ndarray, y: np.ndarray) -> tuple[Link, float]:
    """The link to a dearer size, and its error on held-out runs; the arguments are those of `Link.fit`."""

    def error(setting: Setting) -> float:
        def anew(rows: np.ndarray, out: np.ndarray) -> np.ndarray:
            return Link.fit(below[rows], X[rows], y[rows], setting)(below[out], X[out])

        return _held_out_error(y, anew)

    line = error(None)
    errors = {(alpha, gamma): error((alpha, gamma)) for alpha in ALPHAS for gamma in GAMMAS}
    best = min(errors, key=lambda setting: errors[setting])
    if errors[best] ** 2 < WORTH * line**2:
        return Link.fit(below, X, y, best), errors[best]
    return Link.fit(below, X, y, None), line


def _held_out_error(y: np.ndarray, anew: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> float:
    """Root mean squared error of eightfold cross-validation.

    Args:
        y: n scores.
        anew: fits to the runs that its first argument selects (n booleans), and predicts those that its second one selects.
    """
    fold = np.random.default_rng(0).permutation(len(y)) % FOLDS
    errors = np.empty(len(y))
    for f in range(FOLDS):
        out = fold == f
        errors[out] = y[out] - anew(~out, out)
    return float(np.sqrt((errors**2).mean()))
