"""The data of a campaign's report, read once from the campaign's files; figures and the page read no files of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from admire.campaign.layout import FINAL, CampaignLayout, Layout
from admire.campaign.schema.campaign import Campaign
from admire.errors import TrialError
from admire.loop.evidence import observations_of, problem_of, read_cards
from admire.optimize.problem import Observations, Problem
from admire.optimize.surrogates.gaussian_process import Kernels
from admire.trials.decision_records import (
    ProposalRecord,
    RecommendationRecord,
    UpdateRecord,
    read_proposal,
    read_update,
)
from admire.trials.identity import available_rows, counts_of
from admire.trials.ledger import Ledger, Trial, objective


@dataclass(frozen=True)
class CampaignResults:
    """The current state of a campaign.

    Attributes:
        cards: the card of each source.
        problem: the space with its caps, the fidelities, the objective and the baseline mixture.
        proposals: contents of the files `step_*/lane_*/proposal.json`, ordered by step and lane.
        updates: contents of the files `step_*/lane_*/update.json`, ordered by the number of trials that they had seen.
    """

    campaign: Campaign
    ledger: Ledger
    cards: dict[str, dict[str, Any]]
    problem: Problem
    proposals: tuple[ProposalRecord, ...]
    updates: tuple[UpdateRecord, ...]

    @classmethod
    def read(cls, campaign: Campaign) -> CampaignResults:
        """Read the files of a campaign that has at least one update.

        Raises:
            TrialError: if there is no recommendation yet.
        """
        files = Layout(Path(campaign.results)).campaign(campaign.name)
        updates = [read_update(path) for path in files.updates()]
        if not updates:
            raise TrialError(f"{files.folder}: campaign '{campaign.name}' has no recommendation yet; run it first")
        proposals = [read_proposal(path) for path in files.proposals()]
        cards = read_cards(campaign)
        return cls(
            campaign,
            Ledger.read(campaign),
            cards,
            problem_of(campaign, cards),
            tuple(sorted(proposals, key=lambda proposal: (proposal.step, proposal.lane))),
            tuple(sorted(updates, key=lambda update: (update.seen, update.time))),
        )

    @property
    def kernels(self) -> Kernels:
        """The covariances that the campaign's method uses."""
        return Kernels.of(self.campaign.optimizer.options)

    @property
    def layout(self) -> CampaignLayout:
        """The paths of the campaign's files."""
        return Layout(Path(self.campaign.results)).campaign(self.campaign.name)

    @property
    def names(self) -> tuple[str, ...]:
        """K sources in the order of the YAML."""
        return tuple(self.campaign.sources)

    @property
    def latest(self) -> UpdateRecord:
        """The update that had seen the most trials."""
        return self.updates[-1]

    @property
    def recommendation(self) -> RecommendationRecord:
        """The current recommendation, which is that of the latest update."""
        return self.latest.recommendation

    @cached_property
    def weights(self) -> np.ndarray:
        """K recommended weights."""
        return self.vector(self.recommendation.weights)

    @cached_property
    def weights_range(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Lower and upper ends (K each) of the 90 % range of the best mixture's weights; None if unknown."""
        low, high = self.recommendation.weights_low, self.recommendation.weights_high
        return None if low is None or high is None else (self.vector(low), self.vector(high))

    @cached_property
    def uniform(self) -> np.ndarray:
        """The uniform mixture (K): equal weights, as far as the caps allow them."""
        return self.problem.space.fill(np.ones(self.problem.space.k))

    @cached_property
    def counts(self) -> np.ndarray:
        """Rows per source (K) of the recommended mixture at the target."""
        return counts_of(self.campaign, self.cards, self.campaign.target, self.weights)

    @cached_property
    def available(self) -> np.ndarray:
        """Training rows that each source holds (K)."""
        return available_rows(self.campaign, self.cards)

    @cached_property
    def seen(self) -> Observations:
        """The finished trials on which the current recommendation is based, as the method sees them."""
        evidence = set(self.latest.evidence)
        trials = tuple(trial for trial in self.ledger.trials if trial.name in evidence)
        return observations_of(replace(self.ledger, trials=trials))

    @staticmethod
    def is_final(trial: Trial) -> bool:
        """Whether this is the training of the target on the recommendation."""
        return trial.decision.startswith(FINAL)

    @property
    def finals(self) -> list[Trial]:
        """The trainings on the current recommendation, in any state; earlier ones are evidence like any other trial."""
        steps = [int(trial.decision.removeprefix(f"{FINAL}_")) for trial in self.ledger.trials if self.is_final(trial)]
        newest = max(steps, default=-1)
        if newest < max(update.step for update in self.updates):
            return []
        return [trial for trial in self.ledger.trials if trial.decision == f"{FINAL}_{newest:04d}"]

    def vector(self, weights: dict[str, float]) -> np.ndarray:
        """Named weights as an array (K) in the order of the YAML."""
        return np.array([weights[name] for name in self.names])

    def score(self, trial: Trial) -> float | None:
        """The observed objective of a trial; None while a metric is missing."""
        return objective(self.campaign, trial.scores)
