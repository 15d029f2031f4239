"""Covariances over (mixture, model size), for p metrics at once: they decide how far small sizes inform about the target.

Inputs are (... x n x (K + 1)): K weights and the index of the size.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from botorch.models.kernels import DownsamplingKernel, LinearTruncatedFidelityKernel
from gpytorch.kernels import Kernel
from gpytorch.priors import NormalPrior
from torch import Tensor
from torch.nn import Parameter
from torch.nn.functional import one_hot

from admire.optimize.surrogates.mixture_kernels import log_prior, roots

# Each constant is the mean and the standard deviation of a normal prior.
AMPLITUDE = (1.0, 1.0)
# The product of all links between the cheapest and the dearest size; it may have either sign.
TARGET_LINK = (0.7, 0.5)
# A prior on the logarithm keeps a step from being 0: with few trials a fit might be certain that two sizes are identical.
LOG_STEP = (-1.0, 0.7)
LOG_OFFSET = (0.0, 1.0)  # for the logarithms of the offset and the power of BoTorch's kernels

MakeKernel = Callable[..., Kernel]


class Autoregressive(Kernel):
    """Autoregressive: each size is a multiple of the next cheaper one plus a discrepancy of its own (Kennedy and O'Hagan 2000).

    A metric at the cheapest size is `a f(w)`; at the others `y_s = link_s y_{s-1} + step_s g_s(w)`. `f` has one length-scale per
    source; all `g_s` share a single one. A link may have either sign.

    Args:
        make: makes a covariance over mixtures.
        p, k: numbers of metrics and of sources.
        scale: positions of the M sizes in [0, 1]; only their number matters here.
        reverse: start the fit with the last link's sign reversed.
    """

    def __init__(self, make: MakeKernel, p: int, k: int, scale: Tensor, reverse: bool = False) -> None:
        super().__init__()
        m = len(scale)
        self.m = m
        self.shared = make(p, k)
        self.register_parameter("amplitude", Parameter(torch.full((p, 1), AMPLITUDE[0])))
        self.register_prior("amplitude_prior", NormalPrior(*AMPLITUDE), "amplitude")
        if m > 1:
            self.discrepancy = make(p, k, one_scale=True)
            links = torch.full((p, m - 1), TARGET_LINK[0] ** (1 / (m - 1)))
            self.register_prior(
                "links_prior", NormalPrior(float(links[0, 0]), TARGET_LINK[1]), lambda kernel: kernel.links
            )
            if reverse:
                links[:, -1] *= -1
            self.register_parameter("links", Parameter(links))
            self.register_parameter("log_steps", Parameter(torch.full((p, m - 1), LOG_STEP[0])))
            self.register_prior("log_steps_prior", NormalPrior(*LOG_STEP), "log_steps")

    def loadings(self) -> Tensor:
        """Coefficients (p x M x M, lower triangular) of `f` (first column) and of each `g_s` in the metric at each size."""
        none = self.amplitude.new_zeros(len(self.amplitude), self.m - 1)
        rows = [torch.cat([self.amplitude, none], -1)]
        for s in range(1, self.m):
            new = one_hot(torch.tensor(s), self.m) * self.log_steps[:, s - 1 : s].exp()
            rows.append(self.links[:, s - 1 : s] * rows[-1] + new)
        return torch.stack(rows, -2)

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: Any) -> Tensor:
        """Covariance matrices (... x p x n x n')."""
        u1, u2 = roots(x1[..., :-1]), roots(x2[..., :-1])
        loadings = self.loadings()
        g1, g2 = sizes(x1, self.m) @ loadings, sizes(x2, self.m) @ loadings
        # `forward` returns plain tensors, while calling a kernel would wrap each of them in a lazy one.
        full = g1[..., :1] * g2[..., :1].mT * dense(self.shared.forward(u1, u2))
        if self.m > 1:
            full = full + (g1[..., 1:] @ g2[..., 1:].mT) * dense(self.discrepancy.forward(u1, u2))
        return full.diagonal(dim1=-2, dim2=-1) if diag else full


class Downsampling(Kernel):
    """Covariance over mixtures times BoTorch's downsampling kernel over sizes (arXiv 2508.11551, equations 1 to 3)."""

    def __init__(self, make: MakeKernel, p: int, k: int, scale: Tensor, reverse: bool = False) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.mixture = make(p, k)
        self.size = DownsamplingKernel(batch_shape=torch.Size([p]))
        log_prior(self.size, "offset", LOG_OFFSET[0], NormalPrior(*LOG_OFFSET))
        log_prior(self.size, "power", LOG_OFFSET[0], NormalPrior(*LOG_OFFSET))

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: Any) -> Tensor:
        """Covariance matrices (... x p x n x n')."""
        s1, s2 = (self.scale[x[..., -1].round().long()].unsqueeze(-1) for x in (x1, x2))
        # The derivative of 0 ** power by the power is not finite.
        s1, s2 = s1.clamp_max(1 - 1e-6), s2.clamp_max(1 - 1e-6)
        full = dense(self.mixture.forward(roots(x1[..., :-1]), roots(x2[..., :-1]))) * self.size.forward(s1, s2)
        return full.diagonal(dim1=-2, dim2=-1) if diag else full


class LinearTruncated(Kernel):
    """BoTorch's linear truncated kernel, which the paper's released code uses: a part that all sizes share plus a part that fades
    as the size grows."""

    def __init__(self, make: MakeKernel, p: int, k: int, scale: Tensor, reverse: bool = False) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        batch = torch.Size([p])
        self.whole = LinearTruncatedFidelityKernel(
            [k], k + 1, batch_shape=batch, covar_module_unbiased=make(p, k), covar_module_biased=make(p, k)
        )
        log_prior(self.whole, "power", LOG_OFFSET[0], NormalPrior(*LOG_OFFSET))

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: Any) -> Tensor:
        """Covariance matrices (... x p x n x n')."""
        x1, x2 = (torch.cat([roots(x[..., :-1]), self.scale[x[..., -1:].round().long()]], -1) for x in (x1, x2))
        full = dense(self.whole.forward(x1, x2))
        return full.diagonal(dim1=-2, dim2=-1) if diag else full


class Independent(Kernel):
    """Sizes are independent: no size informs about another."""

    def __init__(self, make: MakeKernel, p: int, k: int, scale: Tensor, reverse: bool = False) -> None:
        super().__init__()
        self.m = len(scale)
        self.mixture = make(p, k)
        self.register_parameter("amplitude", Parameter(torch.full((p, 1), AMPLITUDE[0])))
        self.register_prior("amplitude_prior", NormalPrior(*AMPLITUDE), "amplitude")

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params: Any) -> Tensor:
        """Covariance matrices (... x p x n x n')."""
        same = sizes(x1, self.m) @ sizes(x2, self.m).mT
        full = self.amplitude.square().unsqueeze(-1) * same
        full = full * dense(self.mixture.forward(roots(x1[..., :-1]), roots(x2[..., :-1])))
        return full.diagonal(dim1=-2, dim2=-1) if diag else full


FIDELITY_KERNELS: dict[str, type[Kernel]] = {
    "autoregressive": Autoregressive,
    "downsampling": Downsampling,
    "linear-truncated": LinearTruncated,
    "independent": Independent,
}


def sizes(x: Tensor, m: int) -> Tensor:
    """The size of each input as a unit vector (... x n x M)."""
    return one_hot(x[..., -1].round().long(), m).to(x)


def dense(covariance: Tensor) -> Tensor:
    """The covariance as a plain tensor, evaluated if it is lazy."""
    return covariance if torch.is_tensor(covariance) else covariance.to_dense()
