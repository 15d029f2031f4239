"""Families of emulators: functions of a mixture, fitted to the scores of one metric at one model size.

`joint-gp` is a Gaussian process, `joint-law` an exponential law, `joint-network` a mean of neural networks, and `joint-trees`
boosted trees with soft splits (`soft_trees.py`). They extrapolate differently, so a method that is tuned to one of them shows it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from scipy.optimize import least_squares
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, Kernel, WhiteKernel
from sklearn.neural_network import MLPRegressor

from admire.replay.continuous.roots import roots
from admire.replay.continuous.soft_trees import SoftTrees

PROCESS_ROWS = 256  # a Gaussian process is fitted to at most this many runs, drawn at random
JITTER = 1e-8  # is added to the diagonal of covariances, which rounding errors could make indefinite
NETWORKS = 4  # this many networks with other initial weights are averaged
NETWORKS_AGAIN = 2  # the same in cross-validation, which takes most of the time
NETWORK: dict[str, Any] = {"hidden_layer_sizes": (32, 32), "alpha": 0.3, "solver": "lbfgs", "max_iter": 150}
LAW_STARTS = 3  # starts per sign; the best one counts
LAW_STEPS = 100  # evaluations per start, at most
LARGEST_EXPONENT = 6.0  # exponents of the law are clipped here, so that it stays bounded beyond the table's mixtures
SHRINK = 0.06  # root of the ridge penalty on the law's exponents


class Predict(Protocol):
    """A function of mixtures."""

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """Values (n) of mixtures (n x K), in the metric's units."""
        ...


class Emulator(Predict, Protocol):
    """A function of mixtures that was fitted to runs."""

    def again(self, X: np.ndarray, y: np.ndarray) -> Emulator:
        """An emulator with the same settings, fitted to other runs; cross-validation makes one per fold."""
        ...


class Family(Protocol):
    """A way to fit an emulator."""

    def __call__(self, X: np.ndarray, y: np.ndarray, seed: int) -> Emulator:
        """The emulator fitted to mixtures `X` (n x K) and scores `y` (n)."""
        ...


@dataclass(frozen=True)
class Process:
    """A Gaussian process: a squared exponential with one length-scale per source, plus a linear function and noise."""

    model: GaussianProcessRegressor

    @classmethod
    def fit(cls, X: np.ndarray, y: np.ndarray, seed: int) -> Process:
        """Fit the process, its hyper-parameters included."""
        smooth = ConstantKernel(1.0) * RBF(np.ones(X.shape[1]), (0.2, 20.0))
        return cls._on(X, y, smooth + DotProduct() + WhiteKernel(0.1), seed)

    @classmethod
    def _on(cls, X: np.ndarray, y: np.ndarray, kernel: Kernel, seed: int | None) -> Process:
        """The process on some of the runs; with a seed its hyper-parameters are fitted, otherwise they stay."""
        rows = np.random.default_rng(seed or 0).permutation(len(X))[:PROCESS_ROWS]
        optimizer = None if seed is None else "fmin_l_bfgs_b"
        model = GaussianProcessRegressor(kernel, alpha=JITTER, optimizer=optimizer, normalize_y=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a hyper-parameter at its bound is a valid one
            return cls(model.fit(roots(X[rows]), y[rows]))

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """The posterior mean."""
        return np.asarray(self.model.predict(roots(X)))

    def again(self, X: np.ndarray, y: np.ndarray) -> Process:
        """The process with the same hyper-parameters."""
        return self._on(X, y, self.model.kernel_, None)


@dataclass(frozen=True)
class Law:
    """An exponential law: `mean + scale * sign * (level + exp(height + sum_j t_j w_j))`.

    Args:
        parameters: level, height and the K exponents t.
    """

    parameters: np.ndarray
    sign: float
    mean: float
    scale: float

    @classmethod
    def fit(cls, X: np.ndarray, y: np.ndarray, seed: int) -> Law:
        """Fit by robust least squares from several starts; the sign is the one that fits better."""
        rng = np.random.default_rng(seed)
        starts = [np.concatenate([[-1.0, 0.0], rng.normal(size=X.shape[1])]) for _ in range(LAW_STARTS)]
        found = [cls._searched(X, y, sign, start) for sign in (1.0, -1.0) for start in starts]
        return min(found, key=lambda one: one[0])[1]

    @classmethod
    def _searched(cls, X: np.ndarray, y: np.ndarray, sign: float, start: np.ndarray) -> tuple[float, Law]:
        """The misfit of the law that a search from `start` ends at, and this law."""
        mean, scale = float(y.mean()), float(y.std()) or 1.0
        z = sign * (y - mean) / scale
        found = least_squares(_errors, start, _slopes, loss="soft_l1", f_scale=0.5, args=(X, z), max_nfev=LAW_STEPS)
        return float(found.cost), cls(found.x, sign, mean, scale)

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """The law's value."""
        return self.mean + self.scale * self.sign * (self.parameters[0] + _growth(self.parameters, X))

    def again(self, X: np.ndarray, y: np.ndarray) -> Law:
        """The law of the same sign; the search begins at this law's parameters."""
        return self._searched(X, y, self.sign, self.parameters)[1]


def _growth(parameters: np.ndarray, X: np.ndarray) -> np.ndarray:
    return np.asarray(np.exp(np.minimum(X @ parameters[2:] + parameters[1], LARGEST_EXPONENT)))


def _errors(parameters: np.ndarray, X: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Errors at the runs, and the exponents times the root of their penalty."""
    return np.concatenate([parameters[0] + _growth(parameters, X) - z, SHRINK * parameters[2:]])


def _slopes(parameters: np.ndarray, X: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Derivatives of `_errors` by the parameters."""
    growth = _growth(parameters, X) * (X @ parameters[2:] + parameters[1] < LARGEST_EXPONENT)
    top = np.column_stack([np.ones(len(X)), growth, growth[:, None] * X])
    k = X.shape[1]
    return np.concatenate([top, np.column_stack([np.zeros((k, 2)), SHRINK * np.eye(k)])])


@dataclass(frozen=True)
class Networks:
    """The mean of small neural networks with two hidden layers."""

    models: tuple[MLPRegressor, ...]
    mean: float
    scale: float

    @classmethod
    def fit(cls, X: np.ndarray, y: np.ndarray, seed: int, number: int = NETWORKS) -> Networks:
        """Fit the networks, each from its own initial weights."""
        mean, scale = float(y.mean()), float(y.std()) or 1.0
        states = np.random.default_rng(seed).integers(2**31, size=number)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it is intended that they stop early
            models = [
                MLPRegressor(random_state=int(state), **NETWORK).fit(roots(X), (y - mean) / scale) for state in states
            ]
        return cls(tuple(models), mean, scale)

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """The networks' mean."""
        return self.mean + self.scale * np.mean([model.predict(roots(X)) for model in self.models], 0)

    def again(self, X: np.ndarray, y: np.ndarray) -> Networks:
        """Fewer networks, fitted anew; their mean is a little less accurate."""
        return Networks.fit(X, y, 0, NETWORKS_AGAIN)


FAMILIES: Mapping[str, Family] = {
    "joint-gp": Process.fit,
    "joint-law": Law.fit,
    "joint-network": Networks.fit,
    "joint-trees": SoftTrees.fit,
}
