"""Covariances over mixtures, for p metrics at once, each with its own hyper-parameters.

A mixture enters as the cube roots of its weights, because a change from 0 to 1 % of a source matters more than one from 50 to
51 %.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from gpytorch.constraints import Positive
from gpytorch.kernels import Kernel, LinearKernel, MaternKernel, RBFKernel, SpectralMixtureKernel
from gpytorch.priors import NormalPrior, Prior
from torch import Tensor

# Weights far below this count as 0. It is added to every weight to keep the derivative of the cube root finite at 0.
SMALLEST_WEIGHT = 1e-5
LOG_LENGTHSCALE = (0.4, 0.5)  # mean and standard deviation of the normal prior on log(length-scale)
LOG_VARIANCE = (-1.0, 1.0)  # the same for the logarithm of the variance of the linear kernel's slopes
COMPONENTS = 2  # number of components in the spectral mixture kernel


def roots(weights: Tensor) -> Tensor:
    """Cube roots of weights."""
    return (weights.clamp_min(0) + SMALLEST_WEIGHT).pow(1 / 3)


def matern(p: int, k: int, one_scale: bool = False) -> Kernel:
    """Matérn-5/2 kernel with one length-scale per source, or with `one_scale` a single one."""
    return _stationary(MaternKernel, p, k, one_scale, nu=2.5)


def rbf(p: int, k: int, one_scale: bool = False) -> Kernel:
    """Squared-exponential kernel with one length-scale per source, or with `one_scale` a single one."""
    return _stationary(RBFKernel, p, k, one_scale)


def linear(p: int, k: int, one_scale: bool = False) -> Kernel:
    """Linear kernel on the cube roots, with one variance of slopes per source, or with `one_scale` a single one."""
    kernel = LinearKernel(ard_num_dims=None if one_scale else k, batch_shape=_batch(p), variance_constraint=_log())
    log_prior(kernel, "variance", LOG_VARIANCE[0], NormalPrior(*LOG_VARIANCE))
    return kernel


def spectral(p: int, k: int, one_scale: bool = False) -> Kernel:
    """Spectral mixture kernel of two components (Wilson and Adams 2013), always with one scale per source."""
    kernel = SpectralMixtureKernel(COMPONENTS, ard_num_dims=k, batch_shape=_batch(p))
    kernel.mixture_weights = torch.full_like(kernel.mixture_weights, 1 / COMPONENTS)
    # Frequencies start near 0; the scales start at those of a squared exponential with the prior's length-scale.
    steps = torch.arange(COMPONENTS, dtype=torch.float64).view(-1, 1, 1)
    kernel.mixture_means = (1e-3 + 0.2 * steps).expand_as(kernel.mixture_means)
    width = float(torch.tensor(-LOG_LENGTHSCALE[0]).exp()) / (2 * torch.pi)
    kernel.mixture_scales = torch.full_like(kernel.mixture_scales, width)
    return kernel


MIXTURE_KERNELS: dict[str, Callable[..., Kernel]] = {
    "matern": matern,
    "rbf": rbf,
    "linear": linear,
    "spectral": spectral,
}


def log_prior(module: Any, name: str, start: float, prior: Prior) -> None:
    """Register `prior` on the logarithm of the positive parameter `name` of `module`, and set that logarithm to `start`."""
    module.initialize(**{name: torch.full_like(getattr(module, name), start).exp()})
    module.register_prior(
        f"log_{name}_prior",
        prior,
        lambda m: getattr(m, name).log(),
        lambda m, log: m.initialize(**{name: log.exp()}),
    )


def _stationary(kind: type[Kernel], p: int, k: int, one_scale: bool, **settings: float) -> Kernel:
    kernel = kind(
        ard_num_dims=None if one_scale else k, batch_shape=_batch(p), lengthscale_constraint=_log(), **settings
    )
    log_prior(kernel, "lengthscale", LOG_LENGTHSCALE[0], NormalPrior(*LOG_LENGTHSCALE))
    return kernel


def _batch(p: int) -> torch.Size:
    return torch.Size([p])


def _log() -> Positive:
    """A constraint that makes the search use logarithms: each parameter then varies by about 1, and few L-BFGS steps suffice."""
    return Positive(transform=torch.exp, inv_transform=torch.log)
