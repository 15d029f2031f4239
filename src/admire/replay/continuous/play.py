"""Simulation of one method in the continuous space: it proposes, trials are in flight, finish and are seen, and it recommends.

Several trials can be in flight, one per lane. A trial takes as long as it costs; a free lane asks for the next one, and the method
then knows of those in flight as pending trials, as in a campaign.
"""

from __future__ import annotations

import heapq
import time
from dataclasses import dataclass, field

import numpy as np

from admire.optimize.problem import Method, Observations, Pending, Proposal
from admire.replay.continuous.world import World, mixture_counts
from admire.space import money

SEED_OF_METHOD, SEED_OF_NOISE = 3, 4  # separate streams, so that what a method draws does not change the noise


@dataclass(frozen=True)
class Extent:
    """How long a run is.

    Args:
        budget: the cost of all trials together, in the table's unit.
        marks: costs at which the recommendation is judged, ascending, in trainings of the target.
        lanes: number of trials in flight.
    """

    budget: float
    marks: tuple[float, ...]
    lanes: int = 1


@dataclass(frozen=True)
class Moment:
    """The recommendation that holds when trials of a given cost are finished.

    Args:
        mark: the cost that was asked for, in trainings of the target.
        cost: cost of the trials that are finished, in the table's unit; the next one to finish would exceed the mark.
        true: true objective of the recommended mixture at the target.
        mean, low, high: what the method predicts for it, and its 90 % interval; None if it has no model.
        trials: numbers of finished trials per size.
        weights: the recommended mixture.
    """

    mark: float
    cost: float
    true: float
    mean: float | None
    low: float | None
    high: float | None
    trials: list[int]
    weights: list[float]


@dataclass
class Trace:
    """What one run bought and recommended.

    Args:
        bought: (step, cost so far, size, observed objective) of every trial, in the order in which they were begun.
        moments: one per mark.
        seconds: CPU time of all decisions.
    """

    bought: list[tuple[int, float, str, float]] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class _Trial:
    counts: np.ndarray
    size: int
    replicate: int
    scores: np.ndarray

    @property
    def mixture(self) -> np.ndarray:
        return np.asarray(self.counts / self.counts.sum())


def play(method: Method, world: World, seed: int, extent: Extent, at_once: int | None = None) -> Trace:
    """Run a method until it proposes nothing more within the budget.

    Args:
        method: proposes and recommends.
        seed: of the method's random numbers and of the noise.
        extent: how long the run is.
        at_once: the run has at most this many trials, which are asked for all at once; None: any number, one at a time.
    """
    run = _Run(method, world, seed, extent.budget, at_once)
    unit = world.problem.fidelities.costs[world.problem.fidelities.target]
    left = list(extent.marks)
    ready: list[Proposal] = []
    flying: list[tuple[float, int, _Trial]] = []  # (when it finishes, its number, the trial)
    now = 0.0
    while True:
        while len(flying) < extent.lanes and (ready := ready or run.ask([trial for _, _, trial in flying])):
            trial = run.begin(ready.pop(0))
            heapq.heappush(flying, (now + run.price(trial), len(run.trace.bought), trial))
        if not flying:
            break
        now, _, trial = heapq.heappop(flying)
        while left and not money.buys(left[0] * unit, run.spent + run.price(trial)):
            run.note(left.pop(0))
        run.finish(trial)
    for mark in left:
        run.note(mark)
    return run.trace


class _Run:
    """The state of a run: finished trials, what was begun, and the trace."""

    def __init__(self, method: Method, world: World, seed: int, budget: float, at_once: int | None) -> None:
        self.method, self.world, self.seed, self.left, self.at_once = method, world, seed, budget, at_once
        self.rng = np.random.default_rng([seed, SEED_OF_METHOD])
        self.noise = np.random.default_rng([seed, SEED_OF_NOISE])
        self.finished: list[_Trial] = []
        self.begun: dict[tuple[int, bytes], int] = {}  # how many trials were begun with these counts at this size
        self.spent, self.step = 0.0, 0
        self.trace = Trace()
        self._recommended: tuple[int, Moment] | None = None

    def price(self, trial: _Trial) -> float:
        """The trial's cost."""
        return self.world.problem.fidelities.costs[trial.size]

    def ask(self, flying: list[_Trial]) -> list[Proposal]:
        """What the method proposes next, as far as it can be paid."""
        problem = self.world.problem
        if not money.buys(self.left, problem.fidelities.least):
            return []
        number = 1 if self.at_once is None else self.at_once - len(self.trace.bought)
        if number <= 0:
            return []
        begin = time.process_time()
        pending = Pending(
            np.array([trial.mixture for trial in flying]).reshape(-1, problem.space.k),
            np.array([trial.size for trial in flying], dtype=int),
        )
        wanted = self.method.propose(problem, self._seen(), pending, q=number, budget=self.left, rng=self.rng)
        self.trace.seconds += time.process_time() - begin
        self.step += 1
        paid, left = [], self.left
        for proposal in wanted:
            cost = problem.fidelities.costs[proposal.size]
            if money.buys(left, cost):
                paid.append(proposal)
                left = money.left(left, cost)
        return paid

    def begin(self, proposal: Proposal) -> _Trial:
        """Pay for a trial and draw its scores, which nobody sees before it is finished."""
        problem = self.world.problem
        counts = mixture_counts(proposal.weights)
        key = proposal.size, counts.tobytes()
        replicate = self.begun.get(key, 0)
        self.begun[key] = replicate + 1
        scores = self.world.score(counts, proposal.size, self.seed, self.noise)
        cost = problem.fidelities.costs[proposal.size]
        self.left = money.left(self.left, cost)
        before = self.trace.bought[-1][1] if self.trace.bought else 0.0
        name, value = problem.fidelities.names[proposal.size], float(problem.objective(scores))
        self.trace.bought.append((self.step, money.total([before, cost]), name, value))
        return _Trial(counts, proposal.size, replicate, scores)

    def finish(self, trial: _Trial) -> None:
        """Let the method see a trial."""
        self.finished.append(trial)
        self.spent = money.total([self.spent, self.price(trial)])

    def note(self, mark: float) -> None:
        """Record the recommendation that the finished trials lead to."""
        if self._recommended is None or self._recommended[0] != len(self.finished):
            self._recommended = len(self.finished), self._moment()
        self.trace.moments.append(Moment(**vars(self._recommended[1]) | {"mark": mark}))

    def _moment(self) -> Moment:
        begin = time.process_time()
        found = self.method.recommend(self.world.problem, self._seen())
        self.trace.seconds += time.process_time() - begin
        sizes = np.array([trial.size for trial in self.finished], dtype=int)
        return Moment(
            mark=0.0,
            cost=self.spent,
            true=self.world.value(found.weights),
            mean=found.mean,
            low=found.low,
            high=found.high,
            trials=np.bincount(sizes, minlength=self.world.problem.fidelities.m).tolist(),
            weights=[float(weight) for weight in found.weights],
        )

    def _seen(self) -> Observations:
        """The finished trials as the method sees them."""
        problem, done = self.world.problem, self.finished
        size = np.array([trial.size for trial in done], dtype=int)
        return Observations(
            X=np.array([trial.mixture for trial in done]).reshape(-1, problem.space.k),
            size=size,
            Y=np.array([trial.scores for trial in done]).reshape(-1, len(problem.objective.metrics)),
            stderr=self.world.stderr[size],
            cost=np.array(problem.fidelities.costs)[size],
            replicate=np.array([trial.replicate for trial in done], dtype=int),
        )
