"""Checks that involve several sections of a campaign; checks within one section stand in that section's file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from admire.campaign.schema.evaluation import DomainLoss
from admire.space.steps import SCHEDULE, Steps

if TYPE_CHECKING:
    from admire.campaign.schema.campaign import Campaign


def check(campaign: Campaign) -> None:
    """Refuse a campaign whose sections contradict each other.

    Raises:
        ValueError: names the key, and what to write.
    """
    for part in (_models, _prior, _objective, _suites, _starting_points, _directions, _stops, _design):
        part(campaign)
    if campaign.budget.total is None and campaign.optimizer.design is None:
        raise ValueError("budget.total: this key is missing; only a design knows what it costs")


def _models(campaign: Campaign) -> None:
    if len(campaign.sources) < 2:
        raise ValueError("sources: a mixture needs at least two sources")
    names = [model.name for model in campaign.models]
    if len(set(names)) < len(names):
        raise ValueError("models: two models have the same name")
    targets = [model.name for model in campaign.models if model.target]
    if len(targets) != 1:
        found = f"{' and '.join(targets)} say so" if targets else "none says so"
        raise ValueError(f"models: exactly one model must say 'target: true', {found}")
    costs = [model.cost for model in campaign.models]
    if costs != sorted(costs):
        raise ValueError(f"models: list them cheapest first, their costs are {costs}")


def _prior(campaign: Campaign) -> None:
    prior = campaign.mixture.prior
    if not isinstance(prior, dict):
        return
    unknown = sorted(set(prior) - set(campaign.sources))
    if unknown:
        raise ValueError(
            f"mixture.prior: unknown source {', '.join(unknown)}; the sources are {', '.join(campaign.sources)}"
        )
    for name, weight in prior.items():
        if weight < 0:
            raise ValueError(f"mixture.prior.{name}: the weight {weight:g} is below zero; give it 0 or more")
    if sum(prior.values()) <= 0:
        raise ValueError("mixture.prior: the weights sum to 0; give at least one source a positive weight")


def _objective(campaign: Campaign) -> None:
    if not any(campaign.objective.values()):
        raise ValueError("objective: give at least one metric a weight other than 0")
    known = campaign.metrics
    for metric in campaign.objective:
        if metric not in known:
            raise ValueError(f"objective.{metric}: no suite measures it; the metrics are {', '.join(known)}")


def _suites(campaign: Campaign) -> None:
    for name, suite in campaign.evaluation.items():
        if not isinstance(suite, DomainLoss):
            continue
        for source in suite.sources or []:
            if source not in campaign.sources:
                raise ValueError(f"evaluation.{name}.sources: unknown source {source}")
        if not campaign.held_out.validation:
            raise ValueError(f"held_out.validation: 0 leaves nothing for evaluation.{name} to score")
    if campaign.validation is not None and not campaign.held_out.validation:
        raise ValueError("held_out.validation: 0 leaves nothing for validation to score")


def _starting_points(campaign: Campaign) -> None:
    origins = {("architecture" if m.architecture else "path" if m.path else "base") for m in campaign.models}
    if campaign.training.kind == "pretrain" and origins != {"architecture"}:
        raise ValueError("training.kind: pretrain starts every model from an architecture, not from weights")
    if campaign.training.kind == "sft" and "architecture" in origins:
        raise ValueError("training.kind: sft needs weights to start from: give each model a path or a base")
    if campaign.tokenizer.path is None and campaign.tokenizer.vocabulary is None and "architecture" in origins:
        raise ValueError("tokenizer: models from random weights need one; give path or vocabulary")


def _directions(campaign: Campaign) -> None:
    weights = {metric: weight for metric, weight in campaign.objective.items() if weight}
    asked = {metric: "maximise" if weight > 0 else "minimise" for metric, weight in weights.items()}
    for metric, meant in campaign.directions.items():
        if metric not in asked:
            raise ValueError(f"directions.{metric}: the objective gives it no weight; it has {', '.join(asked)}")
        if meant != asked[metric]:
            raise ValueError(
                f"directions.{metric}: {meant} contradicts objective.{metric}, whose weight {weights[metric]:g} "
                f"{asked[metric]}s it; write {-weights[metric]:g} there, or {asked[metric]} here"
            )
    for metric, direction in asked.items():
        suite = campaign.evaluation[metric.partition("/")[0]]
        if isinstance(suite, DomainLoss) and direction == "maximise" and metric not in campaign.directions:
            raise ValueError(
                f"objective.{metric}: weight {weights[metric]:g} maximises a loss, which is better when lower; write "
                f"{-weights[metric]:g}, or say directions: {{{metric}: maximise}} if that is meant"
            )


def _stops(campaign: Campaign) -> None:
    shares = campaign.fidelity.steps
    for model in campaign.models if len(shares) > 1 else ():
        training = campaign.training_of(model)
        if training.schedule != SCHEDULE:
            key = f"models.{model.name}.training.schedule" if model.training.schedule else "training.schedule"
            raise ValueError(
                f"fidelity.steps: a trial may stop early only with {key}: {SCHEDULE}, not {training.schedule}"
            )
        stops = [Steps.of(campaign.rows(model), training.batch_size, training.epochs, share) for share in shares]
        stable = [stop.stable_end for stop in stops]
        if stable[0] < max(training.warmup_share * stops[0].whole, 1):
            raise ValueError(
                f"fidelity.steps: {shares[0]:g} of the {stops[0].whole} steps of {model.name} ends within the "
                "warm-up; raise the first share, or lower training.warmup_share"
            )
        if stable != sorted(set(stable)):
            raise ValueError(
                f"fidelity.steps: {model.name} has only {stops[0].whole} steps, too few for these shares; list fewer"
            )


def _design(campaign: Campaign) -> None:
    design = campaign.optimizer.design
    if (design is None) == (campaign.optimizer.method == "design"):
        raise ValueError("optimizer.design: method design needs this key, and no other method takes it")
    for name in design.trials if design else ():
        if name not in {model.name for model in campaign.models}:
            raise ValueError(f"optimizer.design.trials: unknown model {name}")
    counts = campaign.design_counts
    if list(counts) != sorted(counts, reverse=True):
        raise ValueError(
            "optimizer.design.trials: a larger size trains the first of a smaller one's mixtures, no more of them"
        )
