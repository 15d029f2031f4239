"""p independent Gaussian processes on the same trials, fitted together by maximum a posteriori (MAP).

All hyper-parameters are searched on scales on which their priors are about 1 wide. Forty L-BFGS steps from the prior's centre,
for all metrics together, then come close to the maximum, hundreds of times faster than a general-purpose fit per metric.
"""

from __future__ import annotations

import numpy as np
import torch
from gpytorch import Module
from gpytorch.kernels import Kernel
from gpytorch.priors import MultivariateNormalPrior
from linear_operator.utils.errors import NotPSDError
from scipy.optimize import minimize
from torch import Tensor
from torch.nn import Parameter
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from admire.optimize.surrogates.fidelity_kernels import sizes
from admire.optimize.surrogates.log_likelihood import LogLikelihood
from admire.optimize.surrogates.noise import LOG_NOISE
from admire.optimize.surrogates.search_settings import searching

FIT_STEPS, FIT_MEMORY = 40, 20  # L-BFGS takes at most so many iterations and remembers so many of them
# The prior correlation between sizes: a metric that is precise at one size is unlikely to be all noise at the next.
NOISE_CORRELATION = 0.75
SMALLEST_NOISE = 1e-6  # added to noise variances (standardised), so that covariance matrices stay positive definite
TOO_FAR = 1e10  # loss of a point where the covariance is not positive definite; worse than any other loss
REACH = 6.0  # a search stays this close to its start, in units of about one prior width: further out numbers overflow


class Processes(Module):
    """Covariance, noise and levels of p metrics.

    Args:
        kernel: a batch of p covariances, on inputs (n x (K + 1)).
        p: number of metrics.
        level_variance: M prior variances of the sizes' levels, which are integrated out.
        log_noise: p x M centres of the noise's prior: logarithms of noise variances of standardised metrics.
    """

    def __init__(self, kernel: Kernel, p: int, level_variance: Tensor, log_noise: Tensor) -> None:
        super().__init__()
        m = len(level_variance)
        self.p = p
        self.kernel = kernel
        self.register_buffer("level_variance", level_variance)
        self.register_buffer("log_noise_centre", log_noise)
        self.register_parameter("log_noise", Parameter(log_noise.clone()))
        covariance = LOG_NOISE[1] ** 2 * (NOISE_CORRELATION + (1 - NOISE_CORRELATION) * torch.eye(m))
        self.register_prior(
            "log_noise_prior",
            MultivariateNormalPrior(torch.zeros(m), covariance),
            lambda module: module.log_noise - module.log_noise_centre,
        )

    @property
    def noise(self) -> Tensor:
        """p x M noise variances."""
        return self.log_noise.exp() + SMALLEST_NOISE

    def covariance(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Prior covariance (... x p x n x n') of true values at inputs (... x n x (K + 1)), including that of the levels."""
        m = len(self.level_variance)
        same = (sizes(x1, m) * self.level_variance) @ sizes(x2, m).mT
        return self.kernel.forward(x1, x2) + same

    def noisy(self, X: Tensor, mask: Tensor) -> Tensor:
        """Prior covariance (p x n x n) of observed values, noise included.

        A trial without the metric (False in `mask`, p x n) has variance 1 and no covariance with others, so it says nothing.
        """
        full = self.covariance(X, X) + torch.diag_embed(self.noise[:, X[:, -1].round().long()])
        if mask.all():
            return full
        both = mask.unsqueeze(-1) & mask.unsqueeze(-2)
        return torch.where(both, full, torch.eye(len(X)).to(full))

    def log_density(self, X: Tensor, z: Tensor, mask: Tensor) -> Tensor:
        """Log density (p) of the hyper-parameters given standardised values z (p x n), up to a constant."""
        return LogLikelihood.apply(self.noisy(X, mask), z) + self.log_prior()

    def log_prior(self) -> Tensor:
        """Log density (p) of the hyper-parameters under their priors."""
        total = torch.zeros(self.p)
        for _, module, prior, value, _ in self.named_priors():
            density = prior.log_prob(value(module))
            total = total + density.reshape(self.p, -1).sum(-1)
        return total

    def fit(self, X: Tensor, z: Tensor, mask: Tensor) -> Tensor:
        """Search the hyper-parameters by MAP and return their log density (p).

        If the search finds nothing better than its start, the hyper-parameters stay as they are.
        """
        parameters = list(self.parameters())
        start = parameters_to_vector(parameters).detach()

        def loss(vector: np.ndarray) -> tuple[float, np.ndarray]:
            vector_to_parameters(torch.as_tensor(vector), parameters)
            try:
                value = -self.log_density(X, z, mask).sum()
            except NotPSDError:  # beyond the precision of float64; a huge loss makes the search take a shorter step
                return TOO_FAR, np.zeros_like(vector)
            gradient = torch.autograd.grad(value, parameters)
            return float(value.detach()), torch.cat([part.flatten() for part in gradient]).numpy()

        bounds = [(value - REACH, value + REACH) for value in start.tolist()]
        options = {"maxiter": FIT_STEPS, "maxcor": FIT_MEMORY}
        with searching():
            found = minimize(loss, start.numpy(), jac=True, method="L-BFGS-B", bounds=bounds, options=options)
        with torch.no_grad():
            vector_to_parameters(torch.as_tensor(found.x), parameters)
            self.requires_grad_(False)
            return self.log_density(X, z, mask)

    def take(self, other: Processes, metrics: Tensor) -> None:
        """Copy the hyper-parameters of `other` for the selected `metrics` (p booleans)."""
        with torch.no_grad():
            for own, new in zip(self.parameters(), other.parameters(), strict=True):
                own[metrics] = new[metrics]
