"""A campaign's decisions: which trials next, written as `proposal.json` under the ledger lock.

Kinds: `step_KKKK/lane_L` (the optimiser's), `final_KKKK` (the target trained on the recommendation), `base` (models that
fine-tuning starts from), `benchmark` (fresh replicates of the mixtures to compare).
"""

from __future__ import annotations

import re
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from admire import __version__
from admire.campaign import frozen_settings
from admire.campaign.fidelity import fidelities
from admire.campaign.json_hash import digest
from admire.campaign.layout import BASE, BENCHMARK, FINAL, Layout, kept
from admire.campaign.recipes import base_campaign
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.models import Model
from admire.errors import ConfigError, TrialError
from admire.loop.budget import Budget
from admire.loop.evidence import observations_of, pending_of, prior_of, problem_of, read_cards, space_of
from admire.loop.freedom import check_freedom
from admire.loop.lane_state import latest_update
from admire.optimize.problem import Problem, Proposal
from admire.optimize.registry import get
from admire.space import money
from admire.trials import breaker
from admire.trials.atomic_files import read_json, write_json
from admire.trials.decision_records import DecidedTrial, ProposalRecord, RecommendationRecord, read_proposal
from admire.trials.identity import Spec, available_rows, make_spec
from admire.trials.ledger import Ledger, locked
from admire.trials.origin import keep_specs
from admire.trials.records import restore

LANE = re.compile(r"step_(\d{4,})/lane_(\d+)")


def decide(campaign: Campaign, decision: str) -> Path:
    """Make one decision and write its proposal. What a lane or a final decision decided once stands: it is not made again.

    Args:
        decision: `step_0003/lane_0`, `final_0007`, `base` or `benchmark`.

    Returns:
        The written file.

    Raises:
        ConfigError: if the decision's name is none of these, or the campaign cannot go on as configured.
        TrialError: if the first trials of a size failed alike, so that no further one is asked for.
    """
    started = time.monotonic()
    layout = Layout(Path(campaign.results)).campaign(campaign.name)
    history = decision not in (BASE, BENCHMARK)  # these two follow today's configuration and newest recommendation
    with locked(layout):
        if found := LANE.fullmatch(decision):
            step, lane = int(found[1]), int(found[2])
            path, make = layout.proposal(step, lane), partial(_lane, campaign, step, lane)
        elif decision.startswith(FINAL):
            path, make = layout.special(decision), partial(_final, campaign)
        elif decision == BASE:
            path, make = layout.special(BASE), partial(_base, campaign)
        elif decision == BENCHMARK:
            path, make = layout.special(BENCHMARK), partial(_benchmark, campaign)
        else:
            raise ConfigError(
                f"unknown decision '{decision}'; expected step_KKKK/lane_L, final_KKKK, base or benchmark"
            )
        if history and restore(path):
            return path
        content = make()
        header = {
            "campaign": campaign.name,
            "decision": decision,
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "version": __version__,
            "seconds": round(time.monotonic() - started, 3),
        }
        record = ProposalRecord(**header, **content)
        keep_specs(record, Layout(Path(campaign.results)), path)  # before the decision, which nobody sees without them
        for copy in (kept(path), path) if history else (path,):
            write_json(copy, record.written())
    return path


def _lane(campaign: Campaign, step: int, lane: int) -> dict[str, Any]:
    cards = read_cards(campaign)
    _freeze_content(campaign, cards)
    ledger = Ledger.read(campaign)
    breaker.check(campaign, ledger)
    problem = problem_of(campaign, cards)
    if not ledger.trials:
        check_freedom(campaign, available_rows(campaign, cards))
    budget = Budget.of(campaign, ledger)
    seed = int(digest([campaign.optimizer.seed, step, lane]), 16)
    content: dict[str, Any] = {
        "step": step,
        "lane": lane,
        "method": campaign.optimizer.method,
        "seed": seed,
        "pending": [trial.name for trial in ledger.trials if trial.state in ("proposed", "trained")],
        "evidence": len([trial for trial in ledger.trials if trial.state in ("done", "failed")]),
        "budget": budget.total,
        "budget_left": budget.left,
        "reserved": budget.reserved,
        "reason": None,
        "trials": [],
    }
    if not budget.buys(problem.fidelities.least):
        content["reason"] = (
            f"what is left ({budget.open:.4g} {campaign.budget.unit}, the final training reserved) buys no further trial"
        )
        return content
    method = get(campaign.optimizer.method, campaign.optimizer.options)
    wanted = method.propose(
        problem,
        observations_of(ledger),
        pending_of(ledger),
        q=problem.initial if step == 0 else campaign.budget.batch,
        budget=budget.left,
        rng=np.random.default_rng(seed),
    )
    content["trials"] = _trials(campaign, cards, problem, ledger, wanted, budget.left)
    if not content["trials"]:
        content["reason"] = (
            f"method {campaign.optimizer.method} proposes nothing more within {budget.left:.4g} {campaign.budget.unit}"
        )
    return content


def _trials(
    campaign: Campaign, cards: dict[str, Any], problem: Problem, ledger: Ledger, wanted: list[Proposal], left: float
) -> list[DecidedTrial]:
    """Proposals as specs: affordable ones, no trial twice; a repeat takes the next free replicate. One that goes on with a shorter
    training is charged what is left."""
    known = {(trial.spec.digest, trial.share) for trial in ledger.trials}
    trials, levels = [], fidelities(campaign)
    for proposal in wanted:
        model, share = levels[proposal.size].model, levels[proposal.size].share
        base = _base_of(campaign, model)
        reference = None
        if proposal.reference is not None:
            reference = _finished(ledger, make_spec(campaign, cards, model, proposal.reference, base=base))
        spec = make_spec(campaign, cards, model, proposal.weights, base=base, reference=reference)
        replicate = 0
        while proposal.repeat and (spec.digest, share) in known:
            replicate += 1
            spec = make_spec(campaign, cards, model, proposal.weights, replicate, base)
        cost = problem.fidelities.price(proposal.size, _reached(ledger, spec, share))
        if (spec.digest, share) in known or not money.buys(left, cost):
            continue
        known.add((spec.digest, share))
        left = money.left(left, cost)
        trials.append(_entry(spec, cost, share, predicted=proposal.predicted, why=proposal.why))
    return trials


def _reached(ledger: Ledger, spec: Spec, share: float) -> float:
    """The largest share below `share` to which a trial is trained: a training goes on from there; 0 for a new one."""
    same = [trial for trial in ledger.trials if trial.spec.digest == spec.digest and trial.state == "done"]
    return max((trial.share for trial in same if trial.share < share), default=0.0)


def _finished(ledger: Ledger, reference: Spec) -> Spec:
    """The reference as the ledger has it.

    Raises:
        TrialError: if it is not trained.
    """
    for trial in ledger.trials:
        if trial.spec.digest == reference.digest and trial.record is not None and trial.record.status == "ok":
            return trial.spec
    raise TrialError(f"{reference.model}/{reference.digest}: this reference model is not trained, a proxy needs it")


def _final(campaign: Campaign) -> dict[str, Any]:
    cards = read_cards(campaign)
    _freeze_content(campaign, cards)
    recommendation = newest_recommendation(campaign)
    expected = {"mean": recommendation.mean, "low": recommendation.low, "high": recommendation.high}
    target, base = campaign.target, _base_of(campaign, campaign.target)
    weights = _weights(campaign, recommendation)
    ledger = Ledger.read(campaign)
    breaker.check(campaign, ledger, final=True)
    known = {trial.spec.digest for trial in ledger.trials}
    specs: list[Spec] = []
    replicate = 0
    while len(specs) < campaign.budget.final_replicates:
        # a mixture that was tried before is trained afresh: its observed score helped to choose it
        spec = make_spec(campaign, cards, target, weights, replicate, base)
        replicate += 1
        if spec.digest not in known:
            specs.append(spec)
    trials = [
        _entry(
            spec,
            target.cost,
            predicted={key: value for key, value in expected.items() if value is not None},
            why=f"the target on the recommended mixture; {recommendation.how}",
        )
        for spec in specs
    ]
    return {"method": campaign.optimizer.method, "budget": campaign.total, "reason": None, "trials": trials}


def _base(campaign: Campaign) -> dict[str, Any]:
    """Every base model that the campaign's models start from: one model of another campaign, on that campaign's prior."""
    trials: dict[str, DecidedTrial] = {}
    for model in campaign.models:
        owner = base_campaign(model, campaign.results)
        if owner is None or model.base is None:
            continue
        cards = read_cards(owner)
        available = available_rows(owner, cards)
        prior = prior_of(owner, space_of(owner, available), available)
        origin = owner.model(model.base.model)
        spec = make_spec(owner, cards, origin, prior)
        others = trials[spec.digest].base_of if spec.digest in trials else ()
        trials[spec.digest] = _entry(
            spec,
            origin.cost,
            why=f"base model of {model.name}",
            unit=owner.budget.unit,
            campaign_file=model.base.campaign,
            base_of=(*others, model.name),
        )
    return {"trials": list(trials.values())}


def _benchmark(campaign: Campaign) -> dict[str, Any]:
    """Fresh replicates of each mixture at the target; their seeds were seen by no campaign."""
    cards = read_cards(campaign)
    _freeze_content(campaign, cards)
    available = available_rows(campaign, cards)
    space = space_of(campaign, available)
    mixtures = {"recommended": _weights(campaign, newest_recommendation(campaign))}
    mixtures |= {kind: prior_of(campaign, space, available, kind) for kind in campaign.benchmark.mixtures}
    rivals = {method: campaign.rival(method) for method in campaign.benchmark.methods}
    mixtures |= {method: _weights(campaign, newest_recommendation(rival)) for method, rival in rivals.items()}
    seen = [Ledger.read(owner) for owner in (campaign, *rivals.values())]
    used = max((trial.spec.decides["replicate"] for ledger in seen for trial in ledger.trials), default=0)
    target, base = campaign.target, _base_of(campaign, campaign.target)
    trials = [
        _entry(make_spec(campaign, cards, target, weights, replicate, base), target.cost, mixture=name)
        for name, weights in mixtures.items()
        for replicate in range(used + 1, used + 1 + campaign.benchmark.replicates)
    ]
    return {"trials": trials}


def newest_recommendation(campaign: Campaign) -> RecommendationRecord:
    """The recommendation of the update that saw the most.

    Raises:
        TrialError: if there is none yet.
    """
    newest = latest_update(campaign)
    if newest is None:
        raise TrialError(f"campaign '{campaign.name}' has no recommendation yet; run it first")
    return newest.recommendation


def _weights(campaign: Campaign, recommendation: RecommendationRecord) -> np.ndarray:
    return np.array([recommendation.weights[name] for name in campaign.sources])


def _base_of(campaign: Campaign, model: Model) -> Spec | None:
    if model.base is None:
        return None
    path = Layout(Path(campaign.results)).campaign(campaign.name).special(BASE)
    for entry in read_proposal(path).trials if path.is_file() else ():
        if model.name in entry.base_of:
            return entry.read_spec(path)
    raise TrialError(
        f"{path}: the base model of {model.name} is not decided yet; run the workflow, or `admire propose base`"
    )


def _freeze_content(campaign: Campaign, cards: dict[str, dict[str, Any]]) -> None:
    """Freeze the sources' content and what the configuration's paths hold at the first decision, compare at every later one."""
    path = Layout(Path(campaign.results)).campaign(campaign.name).lock
    frozen = read_json(path) if path.is_file() else frozen_settings.fresh(campaign)
    content = frozen_settings.content_of(cards)
    known = frozen.get("content", {})
    frozen_settings.check_content(campaign, known, content, str(path))
    frozen_settings.check_contents(campaign, frozen, str(path))
    if content.keys() - known.keys():  # a campaign of an earlier version froze what is trained on, not what is held out
        write_json(path, frozen | {"content": content | known})


def _entry(
    spec: Spec, cost: float, share: float = 1.0, predicted: dict[str, float] | None = None, why: str = "", **more: Any
) -> DecidedTrial:
    return DecidedTrial(spec=spec.as_dict(), share=share, cost=cost, predicted=predicted or {}, why=why, **more)
