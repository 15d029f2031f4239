"""A Gaussian process a metric over (mixture, model size); the objective's posterior is their weighted sum.

Models of the parts beat a model of the mean (docs/method.md). Everything is float64, fitted one metric after another by
maximum a posteriori from the prior's start, with few L-BFGS steps: more steps change the likelihood little, and warm
starts from earlier fits lead astray.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from botorch import settings
from botorch.exceptions import ModelFittingError
from botorch.fit import fit_gpytorch_mll
from botorch.models import SingleTaskGP
from botorch.models.model import Model
from botorch.posteriors import GPyTorchPosterior
from gpytorch.constraints import GreaterThan
from gpytorch.distributions import MultivariateNormal
from gpytorch.likelihoods import HadamardGaussianLikelihood
from gpytorch.means import ZeroMean
from gpytorch.mlls import ExactMarginalLogLikelihood
from gpytorch.priors import MultivariateNormalPrior
from linear_operator import to_linear_operator
from torch import Tensor

from admire.optimize.problem import Observations, Problem
from admire.optimize.surrogates.fidelity_kernels import AutoregressiveKernel, log_prior, roots
from admire.space.fidelity import Fidelities

FIT_STEPS = 40
LOG_NOISE = (-2.0, 1.5)  # normal prior on log(noise variance / standardised variance), a size ...
NOISE_CORRELATION = 0.75  # ... between sizes: a metric that is precise at one is not all noise at the next
MEAN_SD, UNSEEN_MEAN_SD = 3.0, 6.0  # of a size's level around its average, or around its extrapolation; standardised
SCALE_STRENGTH = 4.0  # trials that the scale borrowed from the best known size is worth


@dataclass(frozen=True)
class Standardisation:
    """How one metric is standardised, a size: `(y - location[s]) / scale[s]`.

    Args:
        location: M averages; where a size was not seen, the line through the nearest seen sizes over log cost.
        scale: M standard deviations, drawn towards that of the size with most trials where trials are few.
        seen: M booleans.
    """

    location: np.ndarray
    scale: np.ndarray
    seen: np.ndarray

    @classmethod
    def of(cls, y: np.ndarray, size: np.ndarray, fidelities: Fidelities) -> Standardisation:
        """From n values of a metric (n >= 1) at n sizes."""
        counts = np.bincount(size, minlength=fidelities.m)
        seen = counts > 0
        means = np.array([y[size == s].mean() if seen[s] else np.nan for s in range(fidelities.m)])
        squares = np.array([((y[size == s] - means[s]) ** 2).sum() if seen[s] else 0.0 for s in range(fidelities.m)])
        best = int(counts.argmax())
        # A lone value tells no scale: a tenth of its magnitude stands in.
        reference = squares[best] / (counts[best] - 1) if counts[best] > 1 else (0.1 * means[best]) ** 2
        reference = max(reference, (1e-6 * max(abs(means[best]), 1e-3)) ** 2)
        scale = np.sqrt((SCALE_STRENGTH * reference + squares) / (SCALE_STRENGTH + np.maximum(counts - 1, 0)))
        return cls(_extrapolate(means, seen, fidelities), scale, seen)


class GaussianProcesses:
    """The fitted surrogate of a problem: p Gaussian processes, one for each metric that counts in the objective."""

    def __init__(
        self, problem: Problem, models: list[SingleTaskGP], scalings: list[Standardisation], rows: list[np.ndarray]
    ):
        self.problem = problem
        self.models = models
        self.scalings = scalings
        self.rows = rows

    @classmethod
    def fit(cls, problem: Problem, seen: Observations) -> GaussianProcesses | None:
        """Fit to the trials seen, each metric to the trials that have it; None while a metric has not been seen at all."""
        models, scalings, rows = [], [], []
        for column in np.flatnonzero(problem.objective.weights):
            y = seen.Y[:, column]
            have = np.flatnonzero(np.isfinite(y))
            if not len(have):
                return None
            scaling = Standardisation.of(y[have], seen.size[have], problem.fidelities)
            size = seen.size[have]
            z = (y[have] - scaling.location[size]) / scaling.scale[size]
            models.append(
                _fit(inputs(seen.X[have], size), torch.as_tensor(z)[:, None], scaling.seen, problem.fidelities.target)
            )
            scalings.append(scaling)
            rows.append(have)
        return cls(problem, models, scalings, rows)

    @property
    def weights(self) -> np.ndarray:
        """p signed weights of the metrics in the objective; their absolute values sum to 1."""
        return self.problem.objective.normalised[self.problem.objective.weights != 0]

    def at(self, size: int) -> ObjectiveAtSize:
        """The objective at a size, as a BoTorch model over mixtures."""
        scales = self.weights * [scaling.scale[size] for scaling in self.scalings]
        offset = float(self.weights @ [scaling.location[size] for scaling in self.scalings])
        return ObjectiveAtSize(self.models, scales, offset, size)

    def predict(self, X: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Mean (n) and covariance (n x n) of the objective's true mean at mixtures `X` (n x K), at a size."""
        with torch.no_grad():
            posterior = self.at(size).posterior(torch.as_tensor(X))
            return posterior.mean.squeeze(-1).numpy(), posterior.distribution.covariance_matrix.numpy()

    def predict_metrics(self, X: np.ndarray, size: int) -> np.ndarray:
        """Posterior means (n x p) of the metrics in their own units."""
        with torch.no_grad():
            z = [model.posterior(inputs(X, size)).mean.squeeze(-1).numpy() for model in self.models]
        return np.stack(
            [s.location[size] + s.scale[size] * column for s, column in zip(self.scalings, z, strict=True)], 1
        )

    def information(self, x: np.ndarray, size: int) -> float:
        """Share of the variance of the objective at the target, at mixture `x` (K), that a trial at `size` would remove."""
        target = self.problem.fidelities.target
        pair = inputs(np.stack([x, x]), np.array([target, size]))
        removed = total = 0.0
        with torch.no_grad():
            for model, weight in zip(self.models, self.at(target).scales, strict=True):
                covariance = model.posterior(pair).distribution.covariance_matrix.numpy()
                noise = float(model.likelihood.noise[size])
                removed += weight**2 * covariance[0, 1] ** 2 / (covariance[1, 1] + noise)
                total += weight**2 * covariance[0, 0]
        return removed / total if total > 0 else 0.0

    def believing(self, X: np.ndarray, size: np.ndarray) -> GaussianProcesses:
        """The surrogate after trials at mixtures `X` (q x K) and sizes (q) came out exactly as it expects.

        Means stay, variances shrink: this is how pending trials are taken into account (Ginsbourger et al. 2010).
        """
        if not len(X):
            return self
        new, models = inputs(X, size), []
        for model in self.models:
            with torch.no_grad():
                expected = model.posterior(new).mean
            x = torch.cat([model.train_inputs[0], new])
            y = torch.cat([model.train_targets, expected.squeeze(-1)])
            believer = _gp(x, y[:, None], model.likelihood, model.covar_module)
            models.append(believer.eval())
        return GaussianProcesses(self.problem, models, self.scalings, self.rows)

    def leave_one_out(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Predictions of each trial's objective from all others, hyper-parameters kept.

        Returns:
            index (into the observations) of the r trials that have every metric, mean (r), sd (r) of the *observation*,
            noise included.
        """
        complete = self.rows[0]
        for rows in self.rows[1:]:
            complete = np.intersect1d(complete, rows)
        mean, variance = np.zeros(len(complete)), np.zeros(len(complete))
        for model, weight, scaling, rows in zip(self.models, self.weights, self.scalings, self.rows, strict=True):
            place = np.searchsorted(rows, complete)
            z, v = (column[place] for column in _leave_one_out(model))
            size = model.train_inputs[0][place, -1].long().numpy()
            mean += weight * (scaling.location[size] + scaling.scale[size] * z)
            variance += (weight * scaling.scale[size]) ** 2 * v
        return complete, mean, np.sqrt(variance)

    def hyperparameters(self) -> dict[str, object]:
        """Metric -> its fitted parameters, for the record."""
        names = [self.problem.objective.metrics[i] for i in np.flatnonzero(self.problem.objective.weights)]
        return {name: _describe(model) for name, model in zip(names, self.models, strict=True)}


class ObjectiveAtSize(Model):
    """The objective at one size as a BoTorch model over mixtures (... x q x K): a weighted sum of independent processes.

    All p processes are evaluated at once, on padded tensors: a search asks for thousands of small predictions, and one
    process after another through GPyTorch costs twenty times as much (a test compares the two).

    Args:
        models: p fitted processes.
        scales: p weights in units of the standardised metrics.
        offset: the objective where every standardised metric is 0.
        size: index of the size.
    """

    def __init__(self, models: list[SingleTaskGP], scales: np.ndarray, offset: float, size: int) -> None:
        super().__init__()
        self.offset = offset
        self.scales = torch.as_tensor(scales)
        with torch.no_grad():
            kernels = [model.covar_module for model in models]
            trials = [model.train_inputs[0] for model in models]
            n = max(map(len, trials))
            self.roots = torch.stack([_padded(roots(x[:, :-1]), n) for x in trials])
            self.lengths = torch.stack([kernel.shared.lengthscale for kernel in kernels])
            self.common = torch.stack([kernel.discrepancy.lengthscale for kernel in kernels])
            parts = [
                kernel.parts(torch.full((1,), size), x[:, -1].long()) for kernel, x in zip(kernels, trials, strict=True)
            ]
            self.cross_parts = [torch.stack([_padded(part[i].T, n).mT for part in parts]) for i in range(3)]
            parts = [kernel.parts(torch.full((1,), size), torch.full((1,), size)) for kernel in kernels]
            self.own_parts = [torch.stack([part[i] for part in parts]) for i in range(3)]
            precisions = [_precision(model) for model in models]
            self.precision = torch.stack([_padded(_padded(one, n).mT, n) for one in precisions])
            solved = [one @ model.train_targets for one, model in zip(precisions, models, strict=True)]
            self.solved = torch.stack([_padded(one[:, None], n) for one in solved])

    @property
    def num_outputs(self) -> int:
        """One: the objective."""
        return 1

    @property
    def batch_shape(self) -> torch.Size:
        """No batch of models."""
        return torch.Size()

    def posterior(self, X: Tensor, *args, **kwargs) -> GPyTorchPosterior:
        """Joint posterior of the objective's true mean at `X`."""
        u = roots(X).unsqueeze(-3)  # ... x 1 x q x K, against p processes
        cross = self._covariance(u, self.roots, self.cross_parts)
        own = self._covariance(u, u, self.own_parts)
        variance = own - cross @ self.precision @ cross.mT
        mean = self.offset + ((cross @ self.solved).squeeze(-1) * self.scales[:, None]).sum(-2)
        covariance = (variance * self.scales[:, None, None] ** 2).sum(-3)
        return GPyTorchPosterior(MultivariateNormal(mean, to_linear_operator(covariance)))

    def _covariance(self, u: Tensor, v: Tensor, parts: list[Tensor]) -> Tensor:
        shared, discrepancy, level = parts
        own, common = (_matern(u / length, v / length) for length in (self.lengths, self.common))
        return shared * own + discrepancy * common + level


def inputs(X: np.ndarray, size: np.ndarray | int) -> Tensor:
    """Mixtures (n x K) and sizes (n, or one) as the processes' inputs (n x (K + 1))."""
    return torch.as_tensor(np.column_stack([X, np.broadcast_to(np.asarray(size, dtype=float), len(X))]))


def _fit(X: Tensor, z: Tensor, seen: np.ndarray, target: int) -> SingleTaskGP:
    """Fit a process to inputs (n x (K + 1)) and standardised values (n x 1).

    Whether the target follows the smaller sizes or runs against them are two modes of the posterior, and a search that
    starts in one does not find the other. The second is tried where the likelihood at its start is higher.
    """
    follows = _start(X, z, seen, None)
    if target == 0 or _likelihood(against := _start(X, z, seen, target - 1)) <= _likelihood(follows):
        return _climb(follows).requires_grad_(False)
    models = [_climb(follows), _climb(against)]
    return max(models, key=_posterior_density).requires_grad_(False)


def _start(X: Tensor, z: Tensor, seen: np.ndarray, reversed_link: int | None) -> SingleTaskGP:
    """A process with the hyper-parameters where the prior is highest, one link's sign reversed if so wished."""
    mean_sd = torch.as_tensor(np.where(seen, MEAN_SD, UNSEEN_MEAN_SD))
    constraint = GreaterThan(1e-6, transform=torch.exp, inv_transform=torch.log)
    likelihood = HadamardGaussianLikelihood(len(seen), noise_constraint=constraint, task_feature_index=-1)
    mean, sd = LOG_NOISE
    m = len(seen)
    correlation = NOISE_CORRELATION + (1 - NOISE_CORRELATION) * torch.eye(m, dtype=torch.float64)
    prior = MultivariateNormalPrior(torch.full((m,), mean, dtype=torch.float64), sd**2 * correlation)
    log_prior(likelihood.noise_covar, "noise", mean, prior)
    kernel = AutoregressiveKernel(X.shape[-1] - 1, mean_sd**2)
    if reversed_link is not None:
        with torch.no_grad():
            kernel.links[reversed_link] *= -1
    return _gp(X, z, likelihood, kernel)


def _climb(model: SingleTaskGP) -> SingleTaskGP:
    mll = ExactMarginalLogLikelihood(model.likelihood, model)
    try:
        fit_gpytorch_mll(mll, optimizer_kwargs={"options": {"maxiter": FIT_STEPS}})
    except ModelFittingError:
        mll.eval()  # rolled back: the prior's start is a sane model
    return model


def _likelihood(model: SingleTaskGP) -> float:
    """Log marginal likelihood."""
    with torch.no_grad():
        y = model.train_targets
        return float(MultivariateNormal(torch.zeros_like(y), _covariance(model)).log_prob(y))


def _posterior_density(model: SingleTaskGP) -> float:
    """Log density of the hyper-parameters given the trials, up to a constant."""
    priors = sum(
        float(prior.log_prob(value(module).detach()).sum()) for _, module, prior, value, _ in model.named_priors()
    )
    return _likelihood(model) + priors


def _gp(X: Tensor, z: Tensor, likelihood: HadamardGaussianLikelihood, kernel: AutoregressiveKernel) -> SingleTaskGP:
    """A process on inputs (n x (K + 1)) and standardised values (n x 1)."""
    with settings.validate_input_scaling(False):  # values are standardised a size, and the last column is an index
        return SingleTaskGP(
            X, z, likelihood=likelihood, covar_module=kernel, mean_module=ZeroMean(), outcome_transform=None
        )


def _leave_one_out(model: SingleTaskGP) -> tuple[np.ndarray, np.ndarray]:
    """Predictive means and variances (n), noise included, in closed form (Rasmussen and Williams 2006, eq. 5.12).

    `botorch.cross_validation.loo_cv` does not pass the sizes to a likelihood with a noise a size.
    """
    with torch.no_grad():
        precision = _precision(model)
        variance = 1 / precision.diagonal()
        mean = model.train_targets - (precision @ model.train_targets) * variance
    return mean.numpy(), variance.numpy()


def _matern(u: Tensor, v: Tensor) -> Tensor:
    """Matérn-5/2 covariance (... x n x n') of points already divided by their length-scales."""
    distance = 5**0.5 * torch.cdist(u, v, compute_mode="donot_use_mm_for_euclid_dist")
    return (1 + distance + distance.square() / 3) * torch.exp(-distance)


def _padded(rows: Tensor, n: int) -> Tensor:
    """`rows` (r x c) filled up with rows of zeros to n x c."""
    return torch.nn.functional.pad(rows, (0, 0, 0, n - len(rows)))


def _covariance(model: SingleTaskGP) -> Tensor:
    """Prior covariance (n x n) of the trials' standardised values, noise included."""
    X = model.train_inputs[0]
    return model.covar_module(X).to_dense() + torch.diag(model.likelihood.noise[X[:, -1].long()])


def _precision(model: SingleTaskGP) -> Tensor:
    """Inverse of the above."""
    return torch.cholesky_inverse(torch.linalg.cholesky(_covariance(model)))


def _extrapolate(means: np.ndarray, seen: np.ndarray, fidelities: Fidelities) -> np.ndarray:
    """`means` (M) with those of sizes not seen read off the line through the two nearest seen sizes over log cost."""
    known = np.flatnonzero(seen)
    place = fidelities.scale(np.arange(fidelities.m))
    filled = means.copy()
    for s in np.flatnonzero(~seen):
        near = known[np.argsort(abs(place[known] - place[s]), kind="stable")[:2]]
        run = place[near[-1]] - place[near[0]]
        slope = (means[near[-1]] - means[near[0]]) / run if run else 0.0
        filled[s] = means[near[0]] + slope * (place[s] - place[near[0]])
    return filled


def _describe(model: SingleTaskGP) -> dict[str, object]:
    kernel = model.covar_module
    values = {
        "lengthscales": kernel.shared.lengthscale,
        "discrepancy_lengthscale": kernel.discrepancy.lengthscale,
        "amplitude": kernel.amplitude,
        "links": kernel.links,
        "steps": kernel.log_steps.exp(),
        "noise_variance": model.likelihood.noise,
    }
    return {name: [round(float(v), 6) for v in value.detach().flatten()] for name, value in values.items()}
