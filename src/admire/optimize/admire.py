"""ADMIRE: cheap random trials first, then trials chosen by expected improvement at the target size.

1. The initial design is trained at the cheapest size.
2. Each later mixture maximises the log expected improvement at the target under one of two models: one learns from all sizes,
   the other from the target alone. Which one decides is drawn with their weights in the model average
   (`surrogates/model_average.py`).
3. The mixture is trained at the size that removes most uncertainty about the target per unit of cost. After the initial design,
   smaller trials may not outnumber the target's, which bounds the cost of a small size that misleads.
4. Where trials may stop early, a stopped trial is resumed instead if that is worth more: expected improvement times the
   fraction of the uncertainty removed, per unit of cost. Resuming costs only the steps that are left.
"""

from __future__ import annotations

import numpy as np
from botorch.utils.sampling import manual_seed

from admire.optimize.acquisition import (
    ACQUISITIONS,
    JOINT_ACQUISITIONS,
    candidates,
    evaluate,
    log_expected_improvement,
    maximise,
)
from admire.optimize.initial_design import initial_design, initial_trials
from admire.optimize.problem import Observations, Pending, Problem, Proposal, Recommendation
from admire.optimize.recommend import recommend
from admire.optimize.surrogates.gaussian_process import GaussianProcesses, Kernels
from admire.optimize.surrogates.model_average import ModelAverage
from admire.optimize.surrogates.search_settings import searching
from admire.optimize.tried import Tried, offered, random_mixtures
from admire.space import money

REPEAT_WITHIN = 0.005  # a mixture within this total variation of a trained one counts as that mixture again


class Admire:
    """Multi-fidelity Bayesian optimisation over mixtures.

    Args:
        kernel: the kernel over mixtures: `matern`, `rbf`, `linear` or `spectral`.
        fidelity_kernel: the kernel over sizes: `autoregressive`, `downsampling`, `linear-truncated` or `independent`.
        acquisition: `log-ei`, `ucb` or `thompson` choose a mixture by its value at the target; `mes-per-cost` and `kg-per-cost`
            choose mixture and size together.
    """

    def __init__(
        self, kernel: str = "matern", fidelity_kernel: str = "autoregressive", acquisition: str = "log-ei"
    ) -> None:
        self.kernels, self.acquisition = Kernels(kernel, fidelity_kernel), acquisition

    @searching()
    def propose(
        self, problem: Problem, seen: Observations, pending: Pending, *, q: int, budget: float, rng: np.random.Generator
    ) -> list[Proposal]:
        """The initial design if nothing was tried yet; otherwise up to `q` trials.

        Each is chosen as if the pending trials, and the ones chosen before it, had scored what the model predicts.
        """
        tried = Tried(problem, seen, pending)
        if not seen.n and not len(pending.X):
            return initial_design(problem, tried, budget, rng)
        with manual_seed(int(rng.integers(2**31))):
            average = ModelAverage.fit(problem, seen, self.kernels) if seen.n else None
            if average is None:
                return _blind(problem, tried, budget, rng)
            order = np.lexsort((*pending.X.T, pending.size))
            surrogate = average.drawn(rng).condition_on_mean(pending.X[order], pending.size[order])
            sizes = np.concatenate([seen.size, pending.size])
            target = problem.fidelities.target
            known = np.concatenate([_scored(problem, seen), pending.X[order][pending.size[order] == target]])
            proposals: list[Proposal] = []
            spent = float(seen.cost.sum() + np.array(problem.fidelities.costs)[pending.size].sum())
            initial = initial_trials(problem, budget + spent)
            while len(proposals) < q:
                allowed = _allowed_sizes(problem, sizes, initial)
                chosen = _anchor(problem, surrogate, tried, allowed, sizes, budget)
                if chosen is None and money.buys(budget, problem.fidelities.least):
                    chosen = self._choose(problem, surrogate, tried, allowed, known, budget, rng)
                if chosen is None:
                    break
                proposals.append(chosen)
                tried.add(chosen.weights, chosen.size)
                budget = money.left(budget, tried.price(chosen.weights, chosen.size))
                sizes = np.append(sizes, chosen.size)
                known = np.concatenate([known, chosen.weights[None]]) if chosen.size == target else known
                surrogate = surrogate.condition_on_mean(chosen.weights[None], np.array([chosen.size]))
            return proposals

    def recommend(self, problem: Problem, seen: Observations) -> Recommendation:
        """The mixture with the highest posterior mean at the target."""
        return recommend(problem, seen, self.kernels)

    def _choose(
        self,
        problem: Problem,
        surrogate: GaussianProcesses,
        tried: Tried,
        allowed: list[int],
        known: np.ndarray,
        budget: float,
        rng: np.random.Generator,
    ) -> Proposal | None:
        """The next trial; None when every mixture was tried, or none of the rest can be afforded.

        If the best mixture of the continuous space lies next to one that was trained at the target, the trained one is repeated
        with another seed: the uncertainty that is left there is noise.

        Args:
            known: r x K mixtures; the best posterior mean among them is the value to improve on.
        """
        means = surrogate.means(known, problem.fidelities.target)
        best = float(means.max())
        starts = candidates(problem, known[np.argsort(-means, kind="stable")[:8]], rng)
        if self.acquisition in JOINT_ACQUISITIONS:
            return _jointly(problem, surrogate, tried, allowed, budget, self.acquisition, starts)
        mixtures, values = maximise(problem, ACQUISITIONS[self.acquisition](surrogate, best, starts), starts)
        affordable = [s for s in allowed if money.buys(budget, problem.fidelities.costs[s])]
        anew = None
        for x, value in zip(mixtures, values, strict=True) if affordable else ():
            if (again := _repeat(problem, surrogate, x, affordable, float(value))) is not None:
                return again
            if (x, problem.fidelities.target) in tried:
                continue
            new = [s for s in affordable if (x, s) not in tried and offered(problem, x, s)]
            if new:
                anew = _at_its_best_size(problem, surrogate, tried, x, new, self.acquisition, float(value))
                break
        return _resumption(problem, surrogate, tried, allowed, budget, best, anew) or anew


def _blind(problem: Problem, tried: Tried, budget: float, rng: np.random.Generator) -> list[Proposal]:
    """One random mixture at the cheapest size, for as long as nothing has a score (all trials are pending, or failed)."""
    n = int(money.buys(budget, problem.fidelities.costs[0]))
    why = f"a random mixture at {problem.fidelities.names[0]}: no finished trial has a score yet"
    return [Proposal(weights, 0, why=why) for weights in random_mixtures(problem, tried, 0, n, rng)]


def _allowed_sizes(problem: Problem, sizes: np.ndarray, initial: int) -> list[int]:
    """Sizes at which the next trial may be trained: the target always, smaller ones only while they have fewer trials than it.

    Args:
        sizes: sizes of all trials so far, pending ones included.
        initial: number of trials of the initial design, which do not count.
    """
    target = problem.fidelities.target
    at_target = int((sizes == target).sum())
    smaller = len(sizes) - at_target - initial
    return list(range(target + 1)) if smaller < at_target else [target]


def _anchor(
    problem: Problem,
    surrogate: GaussianProcesses,
    tried: Tried,
    allowed: list[int],
    sizes: np.ndarray,
    budget: float,
) -> Proposal | None:
    """The baseline mixture at the target, as the first trial there; None if it was tried or cannot be afforded.

    It is the mixture to beat. All other trials at the target go where the smaller sizes point, so comparing them with this one
    shows early when the smaller sizes mislead.
    """
    target, prior = problem.fidelities.target, problem.prior
    if problem.pool is not None or target not in allowed or (sizes == target).any() or (prior, target) in tried:
        return None
    if not money.buys(budget, tried.price(prior, target)):  # cheaper than a whole trial if it already ran to a fraction
        return None
    predicted = _predicted(problem, surrogate, prior)
    return Proposal(
        prior, target, predicted, f"the baseline mixture at {problem.fidelities.names[target]}: the mixture to beat"
    )


def _repeat(
    problem: Problem, surrogate: GaussianProcesses, x: np.ndarray, allowed: list[int], value: float
) -> Proposal | None:
    """Another replicate of the mixture nearest to `x` (K) that was trained at the target; None if none lies close enough."""
    target = problem.fidelities.target
    trained = surrogate.X[surrogate.X[:, -1] == target, :-1].numpy()
    if problem.pool is not None or target not in allowed or not len(trained):
        return None
    distance = abs(trained - x).sum(1) / 2
    nearest = trained[distance.argmin()]
    if distance.min() > REPEAT_WITHIN or not problem.space.contains(nearest):
        return None
    why = f"again at {problem.fidelities.names[target]}: what is left to know about this mixture is hidden by noise"
    return Proposal(nearest, target, _predicted(problem, surrogate, nearest) | {"acquisition": value}, why, repeat=True)


def _at_its_best_size(
    problem: Problem,
    surrogate: GaussianProcesses,
    tried: Tried,
    x: np.ndarray,
    sizes: list[int],
    acquisition: str,
    value: float,
) -> Proposal:
    """A trial of mixture `x` (K) at that one of `sizes` which removes most of its variance at the target per unit of cost."""
    names = problem.fidelities.names
    worth = {s: surrogate.information(x, s) / tried.price(x, s) for s in sizes}
    size = max(sizes, key=lambda s: (worth[s], s))
    price = tried.price(x, size)
    value = float(np.exp(value)) if acquisition == "log-ei" else value
    goal = "expected improvement" if acquisition == "log-ei" else acquisition
    why = (
        f"largest {goal} at {names[problem.fidelities.target]} ({value:.3g}); a trial at {names[size]} "
        f"costs {price:.4g} and removes {worth[size] * price:.0%} of the uncertainty"
    )
    return Proposal(x, size, _predicted(problem, surrogate, x) | {"acquisition": value}, why)


def _resumption(
    problem: Problem,
    surrogate: GaussianProcesses,
    tried: Tried,
    allowed: list[int],
    budget: float,
    best: float,
    anew: Proposal | None,
) -> Proposal | None:
    """The trial that stopped early and is most worth resuming; None if none is worth more than the new trial `anew`.

    A trial's worth is its expected improvement over `best`, times the fraction of its variance at the target that it removes,
    per unit of cost.
    """
    options = [(x, s) for x, longer in tried.stopped() for s in longer if s in allowed]
    options = [(x, s) for x, s in options if money.buys(budget, tried.price(x, s))]
    if not options:
        return None
    rivals = options if anew is None else [*options, (anew.weights, anew.size)]
    X = np.stack([x for x, _ in rivals])
    log_gain = evaluate(log_expected_improvement(surrogate, best, X), X)
    information = np.array([surrogate.information(x, s) for x, s in rivals])
    prices = np.array([tried.price(x, s) for x, s in rivals])
    place = int(np.argmax(log_gain + np.log(np.maximum(information, 1e-300)) - np.log(prices)))
    if place == len(options):
        return None
    (x, size), value = options[place], float(np.exp(log_gain[place]))
    why = (
        f"resumes to {problem.fidelities.names[size]} for {prices[place]:.4g}, which removes {information[place]:.0%} of the "
        f"uncertainty about a mixture with expected improvement {value:.3g}"
    )
    return Proposal(x, size, _predicted(problem, surrogate, x) | {"acquisition": value}, why)


def _jointly(
    problem: Problem,
    surrogate: GaussianProcesses,
    tried: Tried,
    allowed: list[int],
    budget: float,
    acquisition: str,
    starts: np.ndarray,
) -> Proposal | None:
    """The trial with the largest joint acquisition value per unit of cost; None if no new trial can be afforded."""
    stopped = [x for x, _ in tried.stopped()]
    costs = np.array(problem.fidelities.costs)
    allowed = [s for s in allowed if money.buys(budget, min([costs[s], *(tried.price(x, s) for x in stopped)]))]
    if not allowed:
        return None
    if problem.pool is not None:
        # A pool may offer a mixture at some of the sizes only.
        starts = np.concatenate([problem.pool[s] for s in allowed])
    starts = np.array([*stopped, *starts])
    values = JOINT_ACQUISITIONS[acquisition](surrogate, starts, allowed)
    prices = np.tile(costs[allowed], (len(values), 1))
    for row, x in enumerate(stopped):
        prices[row] = [tried.price(x, s) for s in allowed]
    values = np.where(money.buys(budget, prices), values * costs[allowed] / prices, -np.inf)
    for place in np.argsort(-values, axis=None, kind="stable"):
        row, column = np.unravel_index(place, values.shape)
        x, size = starts[row], allowed[column]
        if not np.isfinite(values[row, column]):
            return None
        if (x, size) not in tried and offered(problem, x, size):
            value = float(values[row, column])
            name = acquisition.removesuffix("-per-cost")
            why = f"largest {name} per unit of cost ({value:.3g}), at {problem.fidelities.names[size]}"
            return Proposal(x, size, _predicted(problem, surrogate, x) | {"acquisition": value}, why)
    return None


def _predicted(problem: Problem, surrogate: GaussianProcesses, x: np.ndarray) -> dict[str, float]:
    """Posterior mean and standard deviation of the objective at the target for mixture `x` (K)."""
    mean, variance = surrogate.predict(x[None], problem.fidelities.target)
    return {"mean": float(mean[0]), "sd": float(np.sqrt(variance[0, 0]))}


def _scored(problem: Problem, seen: Observations) -> np.ndarray:
    """Mixtures (r x K) with an observed objective at the target; if there are none, those at any size; if none, all tried ones."""
    finite = np.isfinite(problem.objective(seen.Y))
    at_target = finite & (seen.size == problem.fidelities.target)
    chosen = at_target if at_target.any() else finite
    return seen.X[chosen] if chosen.any() else seen.X
