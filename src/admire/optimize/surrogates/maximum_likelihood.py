"""BoTorch's Gaussian process with maximum-likelihood hyper-parameters, for the methods that `admire` is compared with.

Hyper-parameters are refitted after every trial that is not at the cheapest fidelity, and whenever the number of trials has grown
by a tenth. In between they are kept, and the process is only conditioned on all trials: among a hundred trials one more cheap
one hardly changes them, and a refit takes seconds.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from botorch import settings
from botorch.exceptions import ModelFittingError
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from gpytorch.mlls import ExactMarginalLogLikelihood
from torch import Tensor

from admire.optimize.surrogates.search_settings import searching

GROWTH = 1.1  # the number of trials grows by this factor between two refits at the cheapest fidelity
LEARNT = ("mean_module", "covar_module", "likelihood")  # the parts of the process that have hyper-parameters

Build = Callable[[Tensor, Tensor], SingleTaskGP]


def fit(build: Build, X: np.ndarray, y: np.ndarray, cheap: np.ndarray, steps: int) -> SingleTaskGP:
    """The process conditioned on all trials, which are given in the order of the observations.

    Args:
        build: makes the process from inputs (n x d) and scores (n x 1).
        X: n x d inputs.
        y: n scores.
        cheap: which trials (n booleans) are at the cheapest of several fidelities.
        steps: iterations of L-BFGS, at most.
    """
    n = learnt_from(cheap)
    model = _made(build, X, y)
    for part, state in _learnt(build, steps, X[:n].tobytes(), y[:n].tobytes()).items():
        getattr(model, part).load_state_dict(state)
    return model.eval()


def learnt_from(cheap: np.ndarray) -> int:
    """The number of first trials that the hyper-parameters are fitted to, given which of all are `cheap` (n booleans)."""
    learnt = 0
    for n, at_cheapest in enumerate(cheap, 1):
        if not at_cheapest or n >= GROWTH * learnt:
            learnt = n
    return learnt


def _made(build: Build, X: np.ndarray, y: np.ndarray) -> SingleTaskGP:
    with settings.validate_input_scaling(False), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # BoTorch warns that scores of two trials cannot be standardised well
        return build(torch.tensor(X), torch.tensor(y)[:, None])


@lru_cache(maxsize=4)
def _learnt(build: Build, steps: int, inputs: bytes, scores: bytes) -> dict[str, dict[str, Tensor]]:
    y = np.frombuffer(scores)
    model = _made(build, np.frombuffer(inputs).reshape(len(y), -1), y)
    mll = ExactMarginalLogLikelihood(model.likelihood, model)
    with searching(), settings.validate_input_scaling(False), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a search that ends early still leaves usable hyper-parameters
        try:
            fit_gpytorch_mll(mll, optimizer_kwargs={"options": {"maxiter": steps}})
        except ModelFittingError:
            mll.eval()
    return {part: getattr(model, part).state_dict() for part in LEARNT}
