"""Regressions of a score on the mixture: the two of RegMix, and support vector regression.

Each is a function of mixtures X (n x K) and scores y (n) that returns `predict`, which maps mixtures (N x K) to scores (N).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from lightgbm import Booster

Predict = Callable[[np.ndarray], np.ndarray]

# The settings of RegMix's appendix. Its early stopping needs held-out runs, which small tables cannot spare (see ENOUGH).
LIGHTGBM = {"objective": "regression", "learning_rate": 0.01, "num_leaves": 31, "min_data_in_leaf": 5, "verbosity": -1}
ROUNDS = 1000  # boosting rounds, at most; a tenth of them if nothing is held out
STOP_AFTER = 20  # boosting stops after this many rounds without gain on the held-out runs
HELD_OUT = 0.2  # fraction of the runs that is held out
ENOUGH = 20  # with fewer runs nothing is held out
FOLDS = 5  # of the cross-validation that sets up support vector regression


def linear(X: np.ndarray, y: np.ndarray) -> Predict:
    """Least squares with an intercept (arXiv 2407.01492). Weights sum to 1, so there are many solutions; it takes the smallest."""
    from sklearn.linear_model import LinearRegression

    return LinearRegression().fit(X, y).predict


def lightgbm(X: np.ndarray, y: np.ndarray) -> Predict:
    """Boosted trees, stopped early when a held-out fifth of the runs gains no more (arXiv 2407.01492)."""
    from lightgbm import Dataset, early_stopping, train

    settings = {**LIGHTGBM, "num_threads": 1, "seed": 0, "deterministic": True}
    if len(y) < ENOUGH:
        return _predictions(train(settings, Dataset(X, y), ROUNDS // 10))
    cut = int(len(y) * (1 - HELD_OUT))
    data = Dataset(X[:cut], y[:cut])
    stop = early_stopping(STOP_AFTER, verbose=False)
    return _predictions(train(settings, data, ROUNDS, [Dataset(X[cut:], y[cut:], reference=data)], callbacks=[stop]))


def _predictions(trees: Booster) -> Predict:
    return lambda X: np.asarray(trees.predict(X))


def support_vectors(X: np.ndarray, y: np.ndarray) -> Predict:
    """RBF support vector regression; its penalty and width are chosen by cross-validation if there are enough runs."""
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVR

    mean, scale = y.mean(), y.std() or 1.0
    machine = make_pipeline(StandardScaler(), SVR(epsilon=0.05))
    if len(y) >= 2 * FOLDS:
        grid = {"svr__C": [0.3, 1, 3, 10, 30], "svr__gamma": [0.003, 0.01, 0.03, 0.1]}
        machine = GridSearchCV(machine, grid, cv=FOLDS, scoring="neg_mean_squared_error")
    fitted = machine.fit(X, (y - mean) / scale)
    return lambda new: mean + scale * fitted.predict(new)
