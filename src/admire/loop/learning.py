"""What was learnt after a decision's trials: `update.json` with the recommendation, and the results table."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np

from admire import __version__
from admire.campaign.layout import Layout, kept, standing
from admire.campaign.schema.campaign import Campaign
from admire.errors import TrialError
from admire.loop.budget import Budget
from admire.loop.evidence import observations_of, problem_of, read_cards
from admire.optimize.problem import Recommendation
from admire.optimize.registry import get
from admire.trials import breaker, waiting
from admire.trials.atomic_files import write_json
from admire.trials.decision_records import ObservedBest, RecommendationRecord, UpdateRecord, read_proposal, read_update
from admire.trials.ledger import Ledger, locked, objective
from admire.trials.results_table import write_results_table


def learn(campaign: Campaign, step: int, lane: int) -> Path:
    """Refit on everything finished, write the recommendation, what is spent and left, and `results.csv`.

    An update that is made again (a suite was added to the objective, a controller was killed) sees what it saw the first
    time, so that the campaign's history stays what it was.

    Raises:
        TrialError: if the decision was not made, or the campaign asks for no further trial because those so far failed alike.
    """
    started = time.monotonic()
    layout = Layout(Path(campaign.results)).campaign(campaign.name)
    path = layout.update(step, lane)
    decision = standing(layout.proposal(step, lane))
    if not decision.is_file():
        raise TrialError(f"{layout.proposal(step, lane)}: this decision was not made yet")
    proposal = read_proposal(decision)
    with locked(layout):
        ledger = Ledger.read(campaign)
        write_results_table(ledger)
    breaker.check(campaign, ledger)
    waiting.release(ledger, str(path.parent.relative_to(layout.folder)))
    before = read_update(kept(path)).evidence if kept(path).is_file() else None
    seen = Ledger(campaign, tuple(trial for trial in ledger.trials if before is None or trial.name in before))
    problem = problem_of(campaign, read_cards(campaign))
    recommendation = get(campaign.optimizer.method, campaign.optimizer.options).recommend(
        problem, observations_of(seen)
    )
    budget = Budget.of(campaign, seen)
    evidence = [trial.name for trial in seen.trials if trial.state in ("done", "failed")]
    record = UpdateRecord(
        campaign=campaign.name,
        step=step,
        lane=lane,
        time=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        version=__version__,
        method=campaign.optimizer.method,
        proposed=len(proposal.trials),
        reason=proposal.reason,
        evidence=evidence,
        seen=len(evidence),
        recommendation=_recorded(campaign, recommendation),
        observed_best=_observed_best(campaign, seen),
        budget=budget.total,
        spent=budget.spent,
        committed=budget.committed,
        reserved=budget.reserved,
        gain_per_cost=recommendation.gain_per_cost,
        trials={
            "done": sum(trial.state == "done" for trial in seen.trials),
            "running": sum(trial.state in ("proposed", "trained") for trial in ledger.trials),
            "failed": sum(trial.state == "failed" for trial in seen.trials),
        },
        seconds=round(time.monotonic() - started, 3),
    )
    write_json(kept(path), record.written())
    write_json(path, record.written())
    return path


def _recorded(campaign: Campaign, recommendation: Recommendation) -> RecommendationRecord:
    def named(weights: np.ndarray | None) -> dict[str, float] | None:
        return None if weights is None else {name: float(w) for name, w in zip(campaign.sources, weights, strict=True)}

    return RecommendationRecord(
        weights=named(recommendation.weights),
        weights_low=named(recommendation.weights_low),
        weights_high=named(recommendation.weights_high),
        mean=recommendation.mean,
        low=recommendation.low,
        high=recommendation.high,
        how=recommendation.how,
        beats_prior=recommendation.beats_prior,
        is_best=recommendation.is_best,
        observed_is_best=recommendation.observed_is_best,
        trust=recommendation.all_sizes_weight,
        accuracy=recommendation.accuracy,
        hyperparameters=recommendation.hyperparameters,
    )


def _observed_best(campaign: Campaign, ledger: Ledger) -> ObservedBest | None:
    """The best target trial so far by its observed score, which is flattered by noise; None before the first."""
    scored = [
        (value, trial)
        for trial in ledger.trials
        if trial.fidelity == campaign.target.name and (value := objective(campaign, trial.scores)) is not None
    ]
    if not scored:
        return None
    value, trial = max(scored, key=lambda pair: pair[0])
    weights = {name: float(w) for name, w in zip(campaign.sources, trial.weights, strict=True)}
    return ObservedBest(digest=trial.spec.digest, model=trial.model, objective=value, weights=weights)
