import numpy as np
import pytest
import torch
from botorch.models import SingleTaskGP
from torch import Tensor

from admire.optimize.surrogates import maximum_likelihood


def _process(X: Tensor, y: Tensor) -> SingleTaskGP:
    return SingleTaskGP(X, y)


@pytest.mark.parametrize(
    ("cheap", "learnt"),
    [
        ([True] * 10, 10),  # each one is more than a tenth
        ([True] * 23, 21),  # the next one is 24
        ([True] * 22 + [False], 23),
        ([True] * 22 + [False, True, True], 23),
        ([False] * 50, 50),
    ],
)
def test_dear_trials_and_every_tenth_cheap_one_teach(cheap: list[bool], learnt: int) -> None:
    assert maximum_likelihood.learnt_from(np.array(cheap)) == learnt


def test_trials_that_teach_nothing_are_known_all_the_same() -> None:
    rng = np.random.default_rng(0)
    X = rng.random((23, 2))
    y = np.sin(6 * X[:, 0])
    y[-1] = 5.0
    cheap = np.ones(23, dtype=bool)
    part, whole = (maximum_likelihood.fit(_process, X[:n], y[:n], cheap[:n], 50) for n in (21, 23))
    assert torch.equal(part.covar_module.lengthscale, whole.covar_module.lengthscale)
    means = [float(model.posterior(torch.tensor(X[-1:])).mean.detach()) for model in (part, whole)]
    assert abs(means[1] - 5) < abs(means[0] - 5)
