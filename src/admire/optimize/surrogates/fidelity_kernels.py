"""A covariance over (mixture, model size): autoregressive across sizes, after Kennedy and O'Hagan (2000).

A metric at the cheapest size is `a f(w)`; each dearer size carries on what the size below it says and adds what is new:
`y_s = link_s y_{s-1} + step_s g_s(w)`. `f` has a length-scale a source, the `g_s` one length-scale in common. Each size
has a free mean, integrated out under a wide normal prior, so that a size with few trials, or none, has an uncertain level.

The mixture enters by the cube roots of its weights: going from 0 to 1 % of a source matters more than from 50 to 51 %.
"""

from __future__ import annotations

import torch
from gpytorch import Module
from gpytorch.constraints import Positive
from gpytorch.kernels import Kernel, MaternKernel
from gpytorch.priors import NormalPrior, Prior
from torch import Tensor
from torch.nn import Parameter

# Below this a weight is as good as none; it keeps the cube root's slope at 0 finite.
SMALLEST_WEIGHT = 1e-5
LOG_LENGTHSCALE = (0.4, 0.5)  # mean and sd of the normal prior on its logarithm
AMPLITUDE = (1.0, 1.0)
TARGET_LINK = (0.7, 0.5)  # over the whole way from the cheapest to the dearest size; either sign
LOG_STEP = (-1.0, 0.7)  # never 0: with few trials the likelihood would call two sizes the same and be sure of it


class AutoregressiveKernel(Kernel):
    """Covariance of inputs (... x n x (K + 1)): K weights and the index of the size, of metrics standardised a size.

    Args:
        k: number of sources K.
        mean_variance: M prior variances of the sizes' means.
    """

    def __init__(self, k: int, mean_variance: Tensor) -> None:
        super().__init__()
        m = len(mean_variance)
        self.shared = _matern(k)
        self.discrepancy = _matern(None)
        self.register_buffer("mean_variance", mean_variance)
        self.register_parameter("amplitude", Parameter(torch.full((1,), AMPLITUDE[0])))
        self.register_prior("amplitude_prior", NormalPrior(*AMPLITUDE), "amplitude")
        link = TARGET_LINK[0] ** (1 / max(m - 1, 1))
        self.register_parameter("links", Parameter(torch.full((m - 1,), link)))
        self.register_parameter("log_steps", Parameter(torch.full((m - 1,), LOG_STEP[0])))
        if m > 1:
            self.register_prior("links_prior", NormalPrior(link, TARGET_LINK[1]), "links")
            self.register_prior("log_steps_prior", NormalPrior(*LOG_STEP), "log_steps")

    def loadings(self) -> Tensor:
        """M x M, lower triangular: how much of `f` (first column) and of each `g_s` is in each size."""
        steps = self.log_steps.exp()
        row = torch.cat([self.amplitude, torch.zeros_like(steps)])
        rows = [row]
        for s in range(1, len(self.mean_variance)):
            new = torch.zeros_like(row)
            new[s] = steps[s - 1]
            rows.append(self.links[s - 1] * rows[-1] + new)
        return torch.stack(rows)

    def parts(self, size1: Tensor, size2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What multiplies the shared and the discrepancies' correlation, and what is added, between sizes (n) and (n')."""
        loadings = self.loadings()
        product = loadings[size1].unsqueeze(-2) * loadings[size2].unsqueeze(-3)
        level = self.mean_variance[size1].unsqueeze(-1) * (size1.unsqueeze(-1) == size2.unsqueeze(-2))
        return product[..., 0], product[..., 1:].sum(-1), level

    def forward(self, x1: Tensor, x2: Tensor, diag: bool = False, **params) -> Tensor:
        """Covariance matrix, or its diagonal."""
        u1, u2 = roots(x1[..., :-1]), roots(x2[..., :-1])
        shared, discrepancy, level = self.parts(x1[..., -1].round().long(), x2[..., -1].round().long())
        # the kernels' own forward gives plain tensors; their call would wrap each in a lazy one
        full = shared * self.shared.forward(u1, u2) + discrepancy * self.discrepancy.forward(u1, u2) + level
        return full.diagonal(dim1=-2, dim2=-1) if diag else full


def roots(weights: Tensor) -> Tensor:
    """Cube roots of weights."""
    return (weights.clamp_min(0) + SMALLEST_WEIGHT).pow(1 / 3)


def log_prior(module: Module, name: str, start: float, prior: Prior) -> None:
    """Give the logarithm of the positive parameter `name` of `module` a prior, and start it at `start`."""
    module.initialize(**{name: torch.full_like(getattr(module, name), start).exp()})
    module.register_prior(
        f"log_{name}_prior",
        prior,
        lambda m: getattr(m, name).log(),
        lambda m, log: m.initialize(**{name: log.exp()}),
    )


def _matern(dimensions: int | None) -> MaternKernel:
    constraint = Positive(transform=torch.exp, inv_transform=torch.log)
    kernel = MaternKernel(nu=2.5, ard_num_dims=dimensions, lengthscale_constraint=constraint)
    log_prior(kernel, "lengthscale", LOG_LENGTHSCALE[0], NormalPrior(*LOG_LENGTHSCALE))
    return kernel
