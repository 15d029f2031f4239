"""From a campaign and its ledger to what a method sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from admire.campaign.fidelity import fidelities, kept
from admire.campaign.layout import Layout
from admire.campaign.recipes import source_digests
from admire.campaign.schema.campaign import Campaign
from admire.errors import ConfigError, SourceError
from admire.optimize.problem import Objective, Observations, Pending, Problem
from admire.space.counts import exact_counts, row_limits
from admire.space.fidelities import Fidelities
from admire.space.simplex import CappedSimplex
from admire.trials.atomic_files import read_json
from admire.trials.identity import available_rows
from admire.trials.ledger import Ledger, Trial


def read_cards(campaign: Campaign) -> dict[str, dict[str, Any]]:
    """The cards of all prepared sources, by name.

    Raises:
        SourceError: if one was not prepared yet, or two hold the same rows.
    """
    layout = Layout(Path(campaign.results))
    cards = {}
    by_content: dict[str, str] = {}
    for name, digest in source_digests(campaign).items():
        path = layout.card(name, digest)
        if not path.is_file():
            raise SourceError(
                f"{path}: source '{name}' is not prepared; run `admire prepare-source {name}` or the workflow"
            )
        cards[name] = read_json(path)
        twin = by_content.setdefault(cards[name]["splits"]["train"]["sha256"], name)
        if twin != name:
            raise SourceError(f"sources.{name}: holds exactly the rows of source '{twin}'; remove one of them")
    _check_tokenizers(cards)
    return cards


def _check_tokenizers(cards: dict[str, dict[str, Any]]) -> None:
    """Refuse sources whose numbers stand for different tokens."""
    by_tokenizer = {card["tokenizer_sha256"]: name for name, card in cards.items()}
    if len(by_tokenizer) > 1:
        (first, one), (second, other) = list(by_tokenizer.items())[:2]
        raise SourceError(
            f"sources.{one} was prepared with tokenizer {first[:16]} and sources.{other} with {second[:16]}; remove the older "
            "of the two from `sources` in the results folder, and run again"
        )


def space_of(campaign: Campaign, available: np.ndarray) -> CappedSimplex:
    """The mixtures that the target can be trained on: `cap = rows available * max_epochs / rows of a trial`.

    Args:
        available: K training rows that each source holds.

    Raises:
        ConfigError: if the sources cannot give the rows of a trial of each size.
    """
    total = campaign.rows(campaign.target)
    limits = row_limits(available, campaign.mixture.max_epochs)
    try:
        space = CappedSimplex(tuple(campaign.sources), limits / total)
    except ConfigError as error:
        raise ConfigError(f"campaign '{campaign.name}', mixture.rows: {error}") from None
    for model in campaign.models:
        if campaign.rows(model) > limits.sum():
            raise ConfigError(
                f"campaign '{campaign.name}', models.{model.name}.rows: {campaign.rows(model):,} rows are asked for, all sources "
                f"give at most {limits.sum():,.0f}; lower it, raise mixture.max_epochs or add data"
            )
    return space


def prior_of(campaign: Campaign, space: CappedSimplex, available: np.ndarray, kind: str = "prior") -> np.ndarray:
    """K weights of a fixed mixture: the campaign's `prior`, or `natural` (by size) or `uniform`, within the caps.

    Raises:
        ConfigError: if the campaign's own weights ask more of a source than it has.
    """
    choice = campaign.mixture.prior if kind == "prior" else kind
    if choice == "natural":
        return space.fill(np.asarray(available, dtype=float))
    if choice == "uniform":
        return space.fill(np.ones(space.k))
    if not isinstance(choice, dict):
        raise ConfigError(
            f"mixture.prior: there is no mixture '{choice}'; it is natural, uniform or a weight per source"
        )
    weights = np.array([choice.get(name, 0.0) for name in campaign.sources])
    weights /= weights.sum()
    rows = campaign.rows(campaign.target)
    for name, weight, cap in zip(space.names, weights, space.caps, strict=True):
        if (weight - cap) * rows > 1:
            raise ConfigError(
                f"campaign '{campaign.name}', mixture.prior.{name}: {weight:.4g} of {rows:,} rows is more than the source gives, "
                f"{cap * rows:,.0f}; lower its weight, raise mixture.max_epochs or add data"
            )
    return space.fill(weights)


def in_parts(weights: np.ndarray, parts: int) -> np.ndarray:
    """K whole numbers that sum to `parts`, in proportion to a mixture (K)."""
    return exact_counts(weights, parts)


def problem_of(campaign: Campaign, cards: dict[str, dict[str, Any]]) -> Problem:
    """The campaign as a method sees it."""
    available = available_rows(campaign, cards)
    space = space_of(campaign, available)
    metrics, asked, levels = campaign.metrics, campaign.optimizer.design, fidelities(campaign)
    return Problem(
        space=space,
        fidelities=Fidelities(
            names=tuple(level.name for level in levels),
            costs=tuple(level.cost for level in levels),
            target=[level.name for level in levels].index(campaign.target.name),
            shares=tuple(level.share for level in levels),
            models=tuple(campaign.models.index(level.model) for level in levels),
            kept=kept(campaign),
        ),
        objective=Objective(metrics, np.array([campaign.objective.get(metric, 0.0) for metric in metrics])),
        prior=prior_of(campaign, space, available),
        totals=tuple(campaign.rows(level.model) for level in levels),
        initial=campaign.optimizer.initial,
        design=(campaign.design_counts, asked.concentration or float(space.k)) if asked else None,
    )


def observations_of(ledger: Ledger) -> Observations:
    """The finished trials of a ledger; failed ones have all metrics NaN."""
    return _observations(ledger, [trial for trial in ledger.trials if trial.state in ("done", "failed")])


def pending_of(ledger: Ledger) -> Pending:
    """The trials that are decided but not finished."""
    trials = [trial for trial in ledger.trials if trial.state in ("proposed", "trained")]
    seen = _observations(ledger, trials)
    return Pending(seen.X, seen.size)


def _observations(ledger: Ledger, trials: list[Trial]) -> Observations:
    campaign = ledger.campaign
    names = [level.name for level in fidelities(campaign)]
    metrics = campaign.metrics
    n, k, m = len(trials), len(campaign.sources), len(metrics)
    X, learned, Y, stderr = np.zeros((n, k)), np.zeros((n, k)), np.full((n, m), np.nan), np.full((n, m), np.nan)
    for i, trial in enumerate(trials):
        X[i], learned[i] = trial.weights, trial.learned(tuple(campaign.sources))
        for j, metric in enumerate(metrics):
            if trial.state == "done" and metric in trial.scores:
                score = trial.scores[metric]
                Y[i, j] = score.value
                stderr[i, j] = np.nan if score.stderr is None else score.stderr
    return Observations(
        X=X,
        size=np.array([names.index(trial.fidelity) for trial in trials], dtype=int),
        Y=Y,
        stderr=stderr,
        cost=np.array([trial.cost for trial in trials]),
        replicate=np.array([trial.spec.decides["replicate"] for trial in trials], dtype=int),
        learned=learned,
    )
