"""One Gaussian process per metric over (mixture, model size); their weighted sum is the posterior of the objective.

Modelling the metrics separately beats modelling their mean (docs/method.md). Everything is float64. Every fit starts from the
prior's centre, because warm starts from earlier fits end in worse optima.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from botorch.acquisition.objective import PosteriorTransform
from botorch.models.model import Model
from botorch.posteriors import GPyTorchPosterior
from gpytorch.distributions import MultivariateNormal
from linear_operator import to_linear_operator
from linear_operator.utils.cholesky import psd_safe_cholesky
from torch import Tensor

from admire.optimize.problem import Observations, Problem
from admire.optimize.surrogates.batched_processes import Processes
from admire.optimize.surrogates.fidelity_kernels import FIDELITY_KERNELS
from admire.optimize.surrogates.mixture_kernels import MIXTURE_KERNELS
from admire.optimize.surrogates.noise import noise_centres
from admire.optimize.surrogates.standardise import Standardisation
from admire.optimize.surrogates.step_kernels import PartlyTrained

# Prior standard deviations of a size's level (standardised) around the observed average, or around the extrapolated one.
MEAN_SD, UNSEEN_MEAN_SD = 3.0, 6.0
FIT_ROWS = 128  # hyper-parameters are fitted to at most this many trials; predictions are conditioned on all trials
JITTER = 1e-9  # relative variance that is added to joint posteriors, so that BoTorch can factorise them


@dataclass(frozen=True)
class Kernels:
    """The choice of covariances, by their names in `MIXTURE_KERNELS` and `FIDELITY_KERNELS`."""

    mixture: str = "matern"
    fidelity: str = "autoregressive"

    @classmethod
    def of(cls, options: Mapping[str, str]) -> Kernels:
        """The kernels that the options of a campaign's `optimizer` name; the default where they name none."""
        return cls(options.get("kernel", cls.mixture), options.get("fidelity_kernel", cls.fidelity))


@dataclass(frozen=True, eq=False)
class GaussianProcesses:
    """The fitted surrogate of a problem: p processes, one for each metric that has a weight in the objective.

    Args:
        processes: the fitted processes.
        scalings: p standardisations.
        X: n x (K + 1) inputs.
        z: p x n standardised values, 0 where missing.
        mask: p x n booleans: which trials have the metric.
        rows: n indices into the observations; -1 for pending trials, whose values are the model's own predictions.
    """

    problem: Problem
    processes: Processes
    scalings: tuple[Standardisation, ...]
    X: Tensor
    z: Tensor
    mask: Tensor
    rows: np.ndarray

    @classmethod
    def fit(
        cls, problem: Problem, seen: Observations, kernels: Kernels | None = None, only: int | None = None
    ) -> GaussianProcesses | None:
        """Fit to the observed trials, or to those of size `only`; None while a metric of the objective has no observation."""
        Y = seen.Y[:, problem.objective.weights != 0]
        have = np.isfinite(Y) & ((seen.size == only) | (only is None))[:, None]
        if not have.any(0).all():
            return None
        rows = np.flatnonzero(have.any(1))
        Y, have, size = Y[rows], have[rows], seen.size[rows]
        scalings = tuple(
            Standardisation.of(y[h], size[h], problem.fidelities) for y, h in zip(Y.T, have.T, strict=True)
        )
        known = np.stack([(y - s.location[size]) / s.scale[size] for y, s in zip(Y.T, scalings, strict=True)])
        X, mask = inputs(seen.X[rows], size), torch.as_tensor(have.T)
        z = torch.where(mask, torch.as_tensor(np.nan_to_num(known)), 0.0)
        log_noise = noise_centres(seen.stderr[rows][:, problem.objective.weights != 0], size, scalings)
        processes = _fitted(problem, kernels or Kernels(), X, z, mask, torch.as_tensor(log_noise))
        return cls(problem, processes, scalings, X, z, mask, rows)

    @property
    def weights(self) -> np.ndarray:
        """p signed weights of the metrics in the objective; their absolute values sum to 1."""
        return self.problem.objective.normalised[self.problem.objective.weights != 0]

    def factors(self, size: int) -> Tensor:
        """p weights of the standardised metrics in the objective at a size: weight times that size's scale."""
        return torch.as_tensor(self.weights * [scaling.scale[size] for scaling in self.scalings])

    def offset(self, size: int) -> float:
        """The objective's value at a size when every standardised metric is 0."""
        return float(self.weights @ [scaling.location[size] for scaling in self.scalings])

    def at(self, size: int) -> ModelOfObjective:
        """The objective at a size, as a BoTorch model over mixtures."""
        return ModelOfObjective(self, size)

    def standardised(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Posterior mean (... x p x q) and covariance (... x p x q x q) of the standardised metrics' true values at inputs
        (... x 1 x q x (K + 1), or q x (K + 1))."""
        precision, solved = self._solved
        cross = self._cross(x)
        own = self.processes.covariance(x, x)
        # A batched product would copy the precision for every batch of inputs; einsum does not.
        weighted = torch.einsum("...pqn,pnm->...pqm", cross, precision)
        return torch.einsum("...pqn,pn->...pq", cross, solved), own - weighted @ cross.mT

    def _cross(self, x: Tensor) -> Tensor:
        """Prior covariance (... x p x q x n) between inputs and trials, computed for all batches at once, which is cheapest."""
        rows = self.processes.covariance(x.reshape(-1, x.shape[-1]), self.X)
        rows = torch.where(self.mask.unsqueeze(-2), rows, 0.0)
        if x.dim() == 2:
            return rows
        batches = rows.reshape(len(rows), *x.shape[:-3], x.shape[-2], -1)
        return batches.movedim(0, -3)

    def predict(self, X: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean (n) and covariance (n x n) of the objective's true mean at mixtures `X` (n x K), at a size."""
        with torch.no_grad():
            mean, covariance = self.standardised(inputs(X, size))
            factors = self.factors(size)
            total = self.offset(size) + factors @ mean
            return total.numpy(), (covariance * factors.square()[:, None, None]).sum(0).numpy()

    def noise_variance(self, size: int) -> float:
        """Variance of the objective between trials of one mixture at a size."""
        return float(self.factors(size).square() @ self.processes.noise[:, size])

    def means(self, X: np.ndarray, size: int) -> np.ndarray:
        """Posterior mean (n) of the objective at mixtures `X` (n x K), at a size, without the cost of a covariance."""
        return self.predict_metrics(X, size) @ self.weights

    def predict_metrics(self, X: np.ndarray, size: int) -> np.ndarray:
        """Posterior means (n x p) of the metrics in their own units, at mixtures `X` (n x K) and a size."""
        with torch.no_grad():
            mean = torch.einsum("pqn,pn->pq", self._cross(inputs(X, size)), self._solved[1]).numpy()
        return np.stack([s.location[size] + s.scale[size] * z for s, z in zip(self.scalings, mean, strict=True)], 1)

    def information(self, x: np.ndarray, size: int) -> float:
        """Fraction of the objective's variance at mixture `x` (K) and the target that a trial of `x` at `size` would remove."""
        target = self.problem.fidelities.target
        with torch.no_grad():
            _, covariance = self.standardised(inputs(np.stack([x, x]), np.array([target, size])))
            noise = self.processes.noise[:, size]
            weights = self.factors(target).square()
            removed = weights @ (covariance[:, 0, 1].square() / (covariance[:, 1, 1] + noise))
            total = weights @ covariance[:, 0, 0]
        return float(removed / total) if total > 0 else 0.0

    def condition_on_mean(self, X: np.ndarray, size: np.ndarray) -> GaussianProcesses:
        """The surrogate as if trials at mixtures `X` (q x K) and sizes (q) had scored exactly their posterior means.

        Means stay and variances shrink. Pending trials are taken into account this way: the Kriging believer (Ginsbourger et al.
        2010).
        """
        if not len(X):
            return self
        new = inputs(X, size)
        with torch.no_grad():
            expected, _ = self.standardised(new)
        return replace(
            self,
            X=torch.cat([self.X, new]),
            z=torch.cat([self.z, expected], -1),
            mask=torch.cat([self.mask, torch.ones_like(expected, dtype=torch.bool)], -1),
            rows=np.concatenate([self.rows, np.full(len(X), -1)]),
        )

    def leave_one_out(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Predict each trial's objective from all other trials with unchanged hyper-parameters, in closed form (Rasmussen and
        Williams 2006, eq. 5.12).

        Returns:
            index (into the observations) of the r trials that have every metric; mean (r) and standard deviation (r) of the
            *observation*, noise included.
        """
        with torch.no_grad():
            precision, solved = self._solved
            variance = 1 / precision.diagonal(dim1=-2, dim2=-1)
            z = (self.z - solved * variance).numpy()
        size = self.X[:, -1].long().numpy()
        location, scale = (np.stack([getattr(s, name)[size] for s in self.scalings]) for name in ("location", "scale"))
        mean = self.weights @ (location + scale * z)
        sd = np.sqrt((self.weights**2) @ (scale**2 * variance.numpy()))
        complete = self.mask.all(0).numpy() & (self.rows >= 0)
        return self.rows[complete], mean[complete], sd[complete]

    def hyperparameters(self) -> dict[str, object]:
        """Fitted values by name; each is a list with one entry per metric, in the order of the objective."""
        found: dict[str, object] = {"noise_variance": _rounded(self.processes.noise)}
        for name, module, _, value, _ in self.processes.kernel.named_priors():
            found[name.removesuffix("_prior")] = _rounded(value(module))
        return found

    @cached_property
    def _solved(self) -> tuple[Tensor, Tensor]:
        """Inverse of the trials' covariance (p x n x n), and that inverse times their values (p x n)."""
        with torch.no_grad():
            covariance = self.processes.noisy(self.X, self.mask)
            precision = torch.cholesky_inverse(psd_safe_cholesky(covariance))
            return precision, (precision @ self.z.unsqueeze(-1)).squeeze(-1)


class ModelOfObjective(Model):
    """The objective as a BoTorch model: a weighted sum of p processes.

    Args:
        surrogate: the fitted processes.
        size: the size at which the model is held, so that its inputs are mixtures (... x q x K); with None they are mixtures
            and sizes (... x q x (K + 1)).
    """

    def __init__(self, surrogate: GaussianProcesses, size: int | None = None) -> None:
        super().__init__()
        self.surrogate, self.size = surrogate, size
        sizes = range(surrogate.problem.fidelities.m)
        self.factors = torch.stack([surrogate.factors(s) for s in sizes])
        self.offsets = torch.tensor([surrogate.offset(s) for s in sizes], dtype=torch.float64)

    @property
    def num_outputs(self) -> int:
        """One: the objective."""
        return 1

    @property
    def batch_shape(self) -> torch.Size:
        """No batch of models."""
        return torch.Size()

    def posterior(
        self,
        X: Tensor,
        output_indices: list[int] | None = None,
        observation_noise: bool | Tensor = False,
        posterior_transform: PosteriorTransform | None = None,
    ) -> GPyTorchPosterior:
        """Joint posterior of the objective's true values at `X`, or with `observation_noise` of the observations there."""
        if self.size is not None:
            X = torch.cat([X, X.new_full((*X.shape[:-1], 1), self.size)], -1)
        size = X[..., -1].round().long()
        mean, covariance = self.surrogate.standardised(X.unsqueeze(-3))
        factors = self.factors[size].mT  # ... x p x q
        total = self.offsets[size] + (mean * factors).sum(-2)
        covariance = (covariance * factors.unsqueeze(-1) * factors.unsqueeze(-2)).sum(-3)
        spread = torch.full_like(total, JITTER * float(self.factors.square().sum(-1).max()))
        if observation_noise is not False:
            spread = spread + (factors.square() * self.surrogate.processes.noise[:, size].movedim(0, -2)).sum(-2)
        covariance = covariance + torch.diag_embed(spread)
        return GPyTorchPosterior(MultivariateNormal(total, to_linear_operator(covariance)))


def inputs(X: np.ndarray, size: np.ndarray | int) -> Tensor:
    """The processes' inputs (n x (K + 1)) for mixtures (n x K) and sizes (n, or one for all)."""
    return torch.as_tensor(np.column_stack([X, np.broadcast_to(np.asarray(size, dtype=float), len(X))]))


def _fitted(problem: Problem, kernels: Kernels, X: Tensor, z: Tensor, mask: Tensor, log_noise: Tensor) -> Processes:
    """Processes fitted to inputs (n x (K + 1)) and standardised values (p x n), the noise's prior around `log_noise` (p x M).

    The posterior has two modes: the target may follow the smaller sizes or run against them. A search that starts in one mode
    does not find the other, so both are searched, and each metric keeps the one with the higher density.
    """
    target = problem.fidelities.target
    chosen = _rows_to_fit(X, target)
    X, z, mask = X[chosen], z[:, chosen], mask[:, chosen]
    found = _start(problem, kernels, X, log_noise)
    density = found.fit(X, z, mask)
    models = torch.tensor(problem.fidelities.models)
    model = models[X[:, -1].long()]
    both = (model == models[target]).any() and (model < models[target]).any()
    if both and kernels.fidelity == "autoregressive":
        against = _start(problem, kernels, X, log_noise, reverse=True)
        found.take(against, against.fit(X, z, mask) > density)
    return found


def _start(problem: Problem, kernels: Kernels, X: Tensor, log_noise: Tensor, reverse: bool = False) -> Processes:
    """Processes whose hyper-parameters are at the prior's mode; with `reverse` the target's link has the opposite sign."""
    fidelities = problem.fidelities
    seen = np.isin(np.arange(fidelities.m), X[:, -1].long().numpy())
    level = torch.as_tensor(np.where(seen, MEAN_SD, UNSEEN_MEAN_SD) ** 2)
    whole = sorted(set(fidelities.whole))
    make, mixture = FIDELITY_KERNELS[kernels.fidelity], MIXTURE_KERNELS[kernels.mixture]
    p, k = len(log_noise), problem.space.k
    kernel = make(mixture, p, k, torch.as_tensor(fidelities.scale(np.array(whole))), reverse=reverse)
    if len(whole) < fidelities.m:
        kernel = PartlyTrained(kernel, mixture, p, k, fidelities)
    return Processes(kernel, p, level, log_noise).double()


def _rows_to_fit(X: Tensor, target: int) -> Tensor:
    """Indices of at most `FIT_ROWS` trials: the first ones at the target fill up to half, the rest is spread evenly."""
    if len(X) <= FIT_ROWS:
        return torch.arange(len(X))
    order = torch.cat([torch.nonzero(X[:, -1] == target)[:, 0], torch.nonzero(X[:, -1] != target)[:, 0]])
    at_target = int((X[:, -1] == target).sum())
    first = order[: min(at_target, FIT_ROWS // 2)]
    rest = order[len(first) :]
    spread = torch.linspace(0, len(rest) - 1, FIT_ROWS - len(first)).round().long()
    return torch.cat([first, rest[spread]]).sort().values


def _rounded(value: Tensor) -> list[list[float]]:
    return np.round(value.detach().numpy().astype(float), 5).reshape(len(value), -1).tolist()
