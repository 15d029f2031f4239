"""BoTorch's process with hyper-parameters of greatest likelihood, for the methods that `admire` is measured against.

They are learnt again after every trial that is not at the cheapest fidelity, and whenever the trials have grown by a tenth; in
between the process is conditioned on all trials. A cheap trial in a hundred changes them little, and learning takes seconds.
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

GROWTH = 1.1
LEARNT = ("mean_module", "covar_module", "likelihood")

Build = Callable[[Tensor, Tensor], SingleTaskGP]


def fit(build: Build, X: np.ndarray, y: np.ndarray, cheap: np.ndarray, steps: int) -> SingleTaskGP:
    """The process on all trials, in their order.

    Args:
        build: makes it from inputs (n x d) and scores (n x 1).
        X: n x d.
        y: n scores.
        cheap: which trials (n booleans) are at the cheapest of several fidelities.
        steps: of L-BFGS, at most.
    """
    n = learnt_from(cheap)
    model = _made(build, X, y)
    for part, state in _learnt(build, steps, X[:n].tobytes(), y[:n].tobytes()).items():
        getattr(model, part).load_state_dict(state)
    return model.eval()


def learnt_from(cheap: np.ndarray) -> int:
    """How many of the first trials, `cheap` (n booleans) or not, hyper-parameters are learnt from."""
    learnt = 0
    for n, at_cheapest in enumerate(cheap, 1):
        if not at_cheapest or n >= GROWTH * learnt:
            learnt = n
    return learnt


def _made(build: Build, X: np.ndarray, y: np.ndarray) -> SingleTaskGP:
    with settings.validate_input_scaling(False), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # two runs cannot be standardised well
        return build(torch.tensor(X), torch.tensor(y)[:, None])


@lru_cache(maxsize=4)
def _learnt(build: Build, steps: int, inputs: bytes, scores: bytes) -> dict[str, dict[str, Tensor]]:
    y = np.frombuffer(scores)
    model = _made(build, np.frombuffer(inputs).reshape(len(y), -1), y)
    mll = ExactMarginalLogLikelihood(model.likelihood, model)
    with searching(), settings.validate_input_scaling(False), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a search may end early
        try:
            fit_gpytorch_mll(mll, optimizer_kwargs={"options": {"maxiter": steps}})
        except ModelFittingError:
            mll.eval()
    return {part: getattr(model, part).state_dict() for part in LEARNT}
