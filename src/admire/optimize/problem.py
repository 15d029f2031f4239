"""What a method sees: the space, the sizes and their costs, the objective; what was observed; what is pending.

A real campaign and a replay on a published table call the same `Method`; they differ only in `Problem.pool`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from admire.space.fidelities import Fidelities
from admire.space.simplex import CappedSimplex


@dataclass(frozen=True)
class Objective:
    """A signed weighting of m metrics: `sum(weights * Y) / sum(|weights|)`, maximised.

    Args:
        metrics: m names.
        weights: m signed weights; negative where lower is better.
    """

    metrics: tuple[str, ...]
    weights: np.ndarray

    def __call__(self, Y: np.ndarray) -> np.ndarray:
        """Values (...) of metric vectors `Y` (... x m); NaN where a metric with weight is missing."""
        used = self.weights != 0
        return Y[..., used] @ self.normalised[used]

    @property
    def normalised(self) -> np.ndarray:
        """Weights divided by the sum of their absolute values."""
        return self.weights / np.abs(self.weights).sum()


@dataclass(frozen=True)
class Problem:
    """What is to be decided.

    Args:
        space: the mixtures over K sources.
        fidelities: M model sizes, cheapest first, and the target.
        objective: what is maximised, at the target.
        prior: K weights, the mixture to beat.
        totals: M totals of rows; a trial's mixture is counts / total, so mixtures closer than that are the same trial.
        initial: trials of the initial design.
        design: for method `design`, M numbers of mixtures and the Dirichlet's concentration; None for all others.
        pool: for replays, per size the mixtures (n_m x K) that can be bought; None for the continuous space.
    """

    space: CappedSimplex
    fidelities: Fidelities
    objective: Objective
    prior: np.ndarray
    totals: tuple[int, ...]
    initial: int = 16
    design: tuple[tuple[int, ...], float] | None = None
    pool: tuple[np.ndarray, ...] | None = None


LEFT_OUT = np.empty(())  # stands for an array of `Observations` that is left out


@dataclass(frozen=True)
class Observations:
    """n finished trials.

    Args:
        X: n x K mixtures (counts / total).
        size: n indices of sizes, into `Problem.fidelities`.
        Y: n x m metrics, NaN where missing (failed trials are all NaN).
        cost: n nominal costs.
        stderr: n x m standard errors as the evaluations report them, NaN where they do not (all, when left out). A prior's
            centre, not fixed noise: test items are shared between trials.
        replicate: n replicate numbers; 0 when left out.
        learned: n x K mixtures that trainings themselves arrived at (DoReMi's proxy), NaN for all others.
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
    """q' trials that are decided but not finished: mixtures `X` (q' x K), and the indices of their sizes `size` (q')."""

    X: np.ndarray
    size: np.ndarray

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", np.asarray(self.size).astype(int))

    @classmethod
    def none(cls, problem: Problem) -> Pending:
        """No trial on its way."""
        return cls(np.zeros((0, problem.space.k)), np.zeros(0, dtype=int))


@dataclass(frozen=True)
class Proposal:
    """One trial that a method wants.

    Args:
        weights: K weights.
        size: index of the size.
        predicted: mean, sd (of the objective at the target for this mixture) and acquisition value, as far as the
            method knows them; kept for the record.
        why: one sentence.
        repeat: a further replicate of a mixture that was tried before is meant.
        reference: K weights; the sources are weighed during training by how much worse they fare than in the finished trial of
            this mixture at the same size (DoReMi's proxy). None: an ordinary training.
    """

    weights: np.ndarray
    size: int
    predicted: dict[str, float] = field(default_factory=dict)
    why: str = ""
    repeat: bool = False
    reference: np.ndarray | None = None


@dataclass(frozen=True)
class Recommendation:
    """The mixture to train the target on, given what was seen.

    Args:
        weights: K weights.
        mean: posterior mean of the objective at the target; None when the method has no model.
        low, high: 90 % interval of the objective's true mean there.
        how: one sentence: how it was reached.
        gain_per_cost: the largest expected gain at the target per unit of cost, for the stopping rule; None: unknown.
        beats_prior: probability that it is better than the prior; None: unknown.
        is_best, observed_is_best: probability that it, and that the best observed mixture, is the best of the mixtures scored at
            the target and itself; None: unknown, or none was scored there.
        trust: in what smaller sizes say about the target, 0 to 1; None: nothing to weigh yet.
        weights_low, weights_high: K bounds of the mixtures that are as good within noise (90 %); None: unknown.
        accuracy: cross-validated accuracy of the model: `r2`, `spearman`, `coverage90`, `n`; empty: unknown.
        hyperparameters: of the fitted model, for the record.
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
    trust: float | None = None
    weights_low: np.ndarray | None = None
    weights_high: np.ndarray | None = None
    accuracy: dict[str, float] = field(default_factory=dict)
    hyperparameters: dict[str, object] = field(default_factory=dict)


class Method(Protocol):
    """A way to spend a budget: what to try next, and what to recommend now."""

    def propose(
        self, problem: Problem, seen: Observations, pending: Pending, *, q: int, budget: float, rng: np.random.Generator
    ) -> list[Proposal]:
        """Up to `q` trials whose costs sum to at most `budget`, none that `seen` or `pending` has (unless a repeat is
        meant); an empty list when nothing is affordable or worth it. `q` is the batch; the initial design may return
        `problem.initial` trials when nothing was seen."""
        ...

    def recommend(self, problem: Problem, seen: Observations) -> Recommendation:
        """The mixture to train the target on."""
        ...
