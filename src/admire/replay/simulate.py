"""Simulation of one method on one instance: it proposes, rows are bought and it recommends, until the budget is spent."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import numpy as np

from admire.optimize.problem import Method, Observations, Pending, Proposal
from admire.replay.instance import Instance

# The method's random stream is separate from the instance's, so that every method meets the same instance.
SEED_OF_METHOD = 2
# After a trial at a smaller size a new recommendation is made once the total cost has grown by this factor since the last one;
# after a trial at the target always.
GROWTH = 1.1


@dataclass
class Trace:
    """The purchases and recommendations of one run.

    Args:
        bought: (step, cost so far, size, run) of every purchase.
        steps: (step, cost so far, recommended run, its regret, regret of the best observed row) at every recommendation; the
            first one precedes all purchases.
        observed: total cost when the pool's best row was bought at the target; NaN if it never was.
        recommended: total cost when that row was first recommended; NaN if it never was.
        cumulative: total cost when that row's mixture was first recommended or proposed at any size, which is the measure of
            the published study; NaN if it never was.
        seconds: CPU time of all decisions.
    """

    bought: list[tuple[int, float, str, str]] = field(default_factory=list)
    steps: list[tuple[int, float, str, float, float]] = field(default_factory=list)
    observed: float = np.nan
    recommended: float = np.nan
    cumulative: float = np.nan
    seconds: float = 0.0


def simulate(method: Method, instance: Instance, seed: int, budget: float, until: float) -> Trace:
    """Run a method until it has observed the best row and spent `until`, or proposes nothing more within `budget`.

    Rows of a batch are bought one at a time, with recommendations in between from the rows bought so far.

    Args:
        method: proposes and recommends.
        instance: the seed's problem.
        seed: seed of the method's random numbers.
        budget: the run buys for at most this cost.
        until: the run continues up to this cost after it has observed the best row.
    """
    problem, trace = instance.problem, Trace()
    rng = np.random.default_rng([seed, SEED_OF_METHOD])
    target = problem.fidelities.target
    nothing = Pending.none(problem)
    rows: list[tuple[int, int]] = []  # (size, row of the pool) of every purchase
    wanted: list[Proposal] = []
    cost, step, due = 0.0, 0, 0.0
    while True:
        begin = time.process_time()
        seen = observations(instance, rows)
        if not wanted and (np.isnan(trace.observed) or cost < until):
            wanted = method.propose(problem, seen, nothing, q=1, budget=budget - cost, rng=rng)
            step += 1
        if cost >= due or rows[-1][0] == target or not wanted:
            _note(trace, instance, step, cost, instance.row(method.recommend(problem, seen).weights, target), rows)
            due = GROWTH * cost
        trace.seconds += time.process_time() - begin
        if not wanted:
            return trace
        proposal = wanted.pop(0)
        row = instance.row(proposal.weights, proposal.size)
        rows.append((proposal.size, row))
        cost += problem.fidelities.costs[proposal.size]
        trace.bought.append((step, cost, problem.fidelities.names[proposal.size], instance.runs[proposal.size][row]))
        same = abs(instance.pool[target][instance.best] - proposal.weights).max() < 1e-9
        if same and np.isnan(trace.cumulative):
            trace.cumulative = cost
        if (proposal.size, row) == (target, instance.best) and np.isnan(trace.observed):
            trace.observed = cost


def _note(trace: Trace, instance: Instance, step: int, cost: float, choice: int, rows: list[tuple[int, int]]) -> None:
    """Record a recommendation, the row `choice` of the target's pool, with its regret and that of the best observed row.

    Args:
        rows: (size, row of the pool) of every purchase.
    """
    target = instance.problem.fidelities.target
    top = float(instance.truth[instance.best])
    objective = instance.problem.objective(instance.Y[target])
    observed = [row for size, row in rows if size == target]
    best = max(observed, key=lambda row: objective[row]) if observed else choice
    trace.steps.append(
        (
            step,
            cost,
            instance.runs[target][choice],
            top - float(instance.truth[choice]),
            top - float(instance.truth[best]),
        )
    )
    if choice == instance.best:
        trace.recommended = cost if np.isnan(trace.recommended) else trace.recommended
        trace.cumulative = cost if np.isnan(trace.cumulative) else trace.cumulative


def observations(instance: Instance, rows: list[tuple[int, int]]) -> Observations:
    """The observations that buying `rows` returns; each is a pair of a size and a row of its pool."""
    k, m = instance.problem.space.k, len(instance.problem.objective.metrics)
    pool, costs = instance.pool, instance.problem.fidelities.costs
    sizes = np.array([size for size, _ in rows], dtype=int)
    return Observations(
        X=np.array([pool[size][row] for size, row in rows]).reshape(-1, k),
        size=sizes,
        Y=np.array([instance.Y[size][row] for size, row in rows]).reshape(-1, m),
        stderr=np.array([instance.stderr[size][row] for size, row in rows]).reshape(-1, m),
        cost=np.array([costs[size] for size in sizes]),
        replicate=np.zeros(len(rows), dtype=int),
    )
