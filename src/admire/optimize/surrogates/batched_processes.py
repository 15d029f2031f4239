"""p independent Gaussian processes on the same trials, fitted at once by maximum a posteriori.

All hyper-parameters are searched on scales where their priors are about as wide as 1. Forty L-BFGS steps from the prior's centre,
for all metrics together, then come close to the top, hundreds of times faster than one general fit after another.
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

FIT_STEPS, FIT_MEMORY = 40, 20  # of L-BFGS: steps at most, and how many of them it remembers
NOISE_CORRELATION = 0.75  # between sizes: a metric that is precise at one is not all noise at the next
SMALLEST_NOISE = 1e-6
TOO_FAR = 1e10  # of the search's objective, worse than anything
REACH = 6.0  # how far a search may go from its start, in units of about a prior's width: further out numbers overflow


class Processes(Module):
    """Covariance, noise and levels of p metrics.

    Args:
        kernel: of a batch of p, on inputs (n x (K + 1)).
        p: metrics.
        level_variance: M prior variances of the sizes' levels, which are integrated out.
        log_noise: p x M centres of the noise's prior, as logarithms of shares of the standardised variance.
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
        """Prior covariance (... x p x n x n') of true values at inputs (... x n x (K + 1)), the levels' included."""
        m = len(self.level_variance)
        same = (sizes(x1, m) * self.level_variance) @ sizes(x2, m).mT
        return self.kernel.forward(x1, x2) + same

    def noisy(self, X: Tensor, mask: Tensor) -> Tensor:
        """Prior covariance (p x n x n) of what trials return; a trial without the metric (mask p x n) stands alone."""
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
        """Search the hyper-parameters; returns their log density (p). A start that cannot be improved on is kept."""
        parameters = list(self.parameters())
        start = parameters_to_vector(parameters).detach()

        def loss(vector: np.ndarray) -> tuple[float, np.ndarray]:
            vector_to_parameters(torch.as_tensor(vector), parameters)
            try:
                value = -self.log_density(X, z, mask).sum()
            except NotPSDError:  # too far out for float64: the search takes a shorter step
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
        """Take over the hyper-parameters of `other` for the metrics (p booleans) where it is better."""
        with torch.no_grad():
            for own, new in zip(self.parameters(), other.parameters(), strict=True):
                own[metrics] = new[metrics]
