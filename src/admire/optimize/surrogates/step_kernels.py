"""The covariance between trainings that stopped early and whole ones, on top of any covariance over (mixture, model size)."""

from __future__ import annotations

from typing import Any

import torch
from gpytorch.kernels import Kernel
from gpytorch.priors import NormalPrior
from torch import Tensor
from torch.nn import Parameter

from admire.optimize.surrogates.fidelity_kernels import MakeKernel, dense
from admire.optimize.surrogates.mixture_kernels import roots
from admire.space.fidelities import Fidelities

# Mean and standard deviation of the normal prior on log d at the smallest fraction, for a standardised metric.
LOG_DISTORTION = (-1.0, 0.7)


class PartlyTrained(Kernel):
    """The metric of the whole training plus a distortion because training stopped early.

    A metric of a size at a fraction of its steps is `y_size(w) + d(fraction) h(w)`. All sizes share the function `h`, because
    sources that are learnt early at one size are learnt early at the others. Its weight d falls to 0 at the whole training,
    linearly in the logarithm of the steps, over which losses fall nearly in a line. Differences of average and spread between
    fidelities are removed beforehand by standardisation.

    Args:
        whole: covariance over (mixture, model size) of p metrics.
        make: makes a covariance over mixtures.
        p, k: numbers of metrics and of sources.
        fidelities: the problem's fidelities, of which some stop early.
    """

    def __init__(self, whole: Kernel, make: MakeKernel, p: int, k: int, fidelities: Fidelities) -> None:
        super().__init__()
        self.whole = whole
        self.early = make(p, k, one_scale=True)
        left = -torch.tensor(fidelities.shares, dtype=torch.float64).log()
        self.register_buffer("left", left / left.max())
        self.register_buffer("model", torch.tensor(fidelities.models))
        self.register_parameter("log_distortion", Parameter(torch.full((p, 1), LOG_DISTORTION[0])))
        self.register_prior("log_distortion_prior", NormalPrior(*LOG_DISTORTION), "log_distortion")

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: Any) -> Tensor:
        """Covariance matrices (... x p x n x n')."""
        full = self.whole.forward(self._of_models(x1), self._of_models(x2))
        weight = self.log_distortion.exp().unsqueeze(-1)
        d1, d2 = (self.left[x[..., -1:].round().long()] for x in (x1, x2))
        early = dense(self.early.forward(roots(x1[..., :-1]), roots(x2[..., :-1])))
        full = full + weight.square() * (d1 @ d2.mT) * early
        return full.diagonal(dim1=-2, dim2=-1) if diag else full

    def _of_models(self, x: Tensor) -> Tensor:
        """Inputs (... x n x (K + 1)) with the index of the model size in place of the fidelity's."""
        return torch.cat([x[..., :-1], self.model[x[..., -1:].round().long()].to(x)], -1)
