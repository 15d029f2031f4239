"""The interface between a method and its caller: the problem, the observations, the pending trials, and the answers.

A real campaign and a replay of a published table call the same `Method`; they differ only in `Problem.pool`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from admire.space.fidelities import Fidelities
from admire.space.simplex import CappedSimplex


@dataclass(frozen=True)
class Objective:
    """A signed weighted mean of m metrics, `sum(weights * Y) / sum(|weights|)`, which is maximised.

    Args:
        metrics: m names.
        weights: m signed weights; negative for metrics of which less is better.
    """

    metrics: tuple[str, ...]
    weights: np.ndarray

    def __call__(self, Y: np.ndarray) -> np.ndarray:
        """Values (...) of metric vectors `Y` (... x m); NaN where a metric with a weight other than 0 is missing."""
        used = self.weights != 0
        return Y[..., used] @ self.normalised[used]

    @property
    def normalised(self) -> np.ndarray:
        """Weights divided by the sum of their absolute values."""
        return self.weights / np.abs(self.weights).sum()


@dataclass(frozen=True)
class Problem:
    """A mixing problem: the mixtures that are possible, the fidelities and their costs, and the objective.

    Args:
        space: the mixtures over K sources.
        fidelities: M fidelities, cheapest first, and the target among them.
        objective: maximised at the target.
        prior: K weights of the baseline mixture, the one to beat.
        totals: rows per training at each of the M fidelities. A trial's mixture is its row counts / total, so mixtures that
            round to the same counts are the same trial.
        initial: number of trials in the initial design.
        design: for the method `design` only: how many mixtures each of the M fidelities trains, and the Dirichlet's
            concentration; None for all other methods.
        pool: for replays, the mixtures (n_m x K) that can be bought at each fidelity; None for the continuous space.
    """

    space: CappedSimplex
    fidelities: Fidelities
    objective: Objective
    prior: np.ndarray
    totals: tuple[int, ...]
    initial: int = 16
    design: tuple[tuple[int, ...], float] | None = None
    pool: tuple[np.ndarray, ...] | None = None


LEFT_OUT = np.empty(())  # the default of optional arrays in `Observations`; their shapes depend on the others


@dataclass(frozen=True)
class Observations:
    """n finished trials.

    Args:
        X: n x K mixtures (counts / total).
        size: n indices into `Problem.fidelities`.
        Y: n x m metrics, NaN where missing (all metrics of a failed trial are NaN).
        cost: n nominal costs.
        stderr: n x m standard errors as the evaluations report them, NaN where they report none; all NaN by default. They only
            move the centre of the noise's prior and do not fix the noise, because trials share their test items.
        replicate: n replicate numbers; 0 by default.
        learned: n x K mixtures that trainings learned themselves (DoReMi's proxy), NaN for all other trials and by default.
    """

    X: np.ndarray
    size: np.ndarray
    Y: np.ndarray
    cost: np.ndarray
    stderr: np.ndarray = field(default_factory=lambda: LEFT_OUT)
    replicate: np.ndarray = field(default_factory=lambda: LEFT_OUT)
    learned: np.ndarray = field(default_factory=lambda: LEFT_OUT)

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", np.asarray(self.size).astype(int))
        if self.stderr is LEFT_OUT:
            object.__setattr__(self, "stderr", np.full(self.Y.shape, np.nan))
        if self.replicate is LEFT_OUT:
            object.__setattr__(self, "replicate", np.zeros(len(self.X), dtype=int))
        if self.learned is LEFT_OUT:
            object.__setattr__(self, "learned", np.full(self.X.shape, np.nan))

    @property
    def n(self) -> int:
        """Number of trials."""
        return len(self.X)


@dataclass(frozen=True)
class Pending:
    """q' trials that are decided but not finished.

    Args:
        X: q' x K mixtures.
        size: q' indices into `Problem.fidelities`.
    """

    X: np.ndarray
    size: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", np.asarray(self.size).astype(int))

    @classmethod
    def none(cls, problem: Problem) -> Pending:
        """No pending trials."""
        return cls(np.zeros((0, problem.space.k)), np.zeros(0, dtype=int))


@dataclass(frozen=True)
class Proposal:
    """One trial that a method proposes.

    Args:
        weights: K weights.
        size: index into `Problem.fidelities`.
        predicted: `mean` and `sd` of the objective at the target for this mixture, and the `acquisition` value; those that the
            method computes. They are recorded and decide nothing.
        why: the reason, in one sentence.
        repeat: whether this is meant as another replicate of a mixture that was tried before.
        reference: K weights of a finished trial at the same size. The training then reweighs its sources by how much higher
            their losses are than that trial's (DoReMi's proxy). None: an ordinary training.
    """

    weights: np.ndarray
    size: int
    predicted: dict[str, float] = field(default_factory=dict)
    why: str = ""
    repeat: bool = False
    reference: np.ndarray | None = None


@dataclass(frozen=True)
class Recommendation:
    """The mixture to train the target on, given the observations, and how sure that is. None means unknown throughout.

    Args:
        weights: K weights.
        mean: posterior mean of the objective at the target; None if the method has no model.
        low, high: 90 % interval of the objective's true mean at the target.
        how: how the recommendation was reached, in one sentence.
        gain_per_cost: the largest expected gain at the target per unit of cost; the stopping rule reads it.
        beats_prior: probability that this mixture is better than the baseline mixture.
        is_best, observed_is_best: probabilities that this mixture, and that the best observed one, is the best among the
            mixtures scored at the target and this one; None also while none was scored there.
        all_sizes_weight: weight, from 0 to 1, of the model that learns from all sizes; None also while it is the only model.
        weights_low, weights_high: K bounds on the best mixture's weights, each a 90 % interval under the posterior.
        accuracy: cross-validated accuracy of the model: `size`, `n`, `r2`, `spearman`, `coverage90`; empty if unknown.
        hyperparameters: those of the fitted model, for the record.
    """

    weights: np.ndarray
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    how: str = ""
    gain_per_cost: float | None = None
    beats_prior: float | None = None
    is_best: float | None = None
    observed_is_best: float | None = None
    all_sizes_weight: float | None = None
    weights_low: np.ndarray | None = None
    weights_high: np.ndarray | None = None
    accuracy: dict[str, float] = field(default_factory=dict)
    hyperparameters: dict[str, object] = field(default_factory=dict)


class Method(Protocol):
    """A way to spend a budget: it proposes the next trials and recommends a mixture at any time."""

    def propose(
        self, problem: Problem, seen: Observations, pending: Pending, *, q: int, budget: float, rng: np.random.Generator
    ) -> list[Proposal]:
        """The next trials; an empty list if none is affordable or worth its cost.

        Args:
            q: size of a batch: at most this many trials, except that an initial design may have `problem.initial`.
            budget: the proposed trials' costs sum to at most this.

        Trials in `seen` or `pending` are proposed again only with `repeat`.
        """
        ...

    def recommend(self, problem: Problem, seen: Observations) -> Recommendation:
        """The mixture to train the target on."""
        ...
