"""The campaigns that one run of the workflow knows: the campaign itself, its rivals in the benchmark, and campaigns that only
lend a base model.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from admire.campaign.layout import BASE, Layout, TrialLayout, standing
from admire.campaign.recipes import base_campaign
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.models import Model
from admire.trials.decision_records import read_proposal


@dataclass(frozen=True)
class Lender:
    """A campaign that lends a base model.

    Attributes:
        file: its YAML.
    """

    campaign: Campaign
    file: str


@dataclass(frozen=True)
class Runs:
    """The campaigns of one run; all share one results folder.

    Attributes:
        campaign: the one that was asked for.
        running: name -> each campaign whose decisions are made here: this one, then its rivals.
        lenders: name -> each campaign that lends a base model.
    """

    campaign: Campaign
    running: dict[str, Campaign]
    lenders: dict[str, Lender]

    @property
    def layout(self) -> Layout:
        """The results folder of all of them."""
        return Layout(Path(self.campaign.results))

    @property
    def owners(self) -> list[tuple[str, Campaign]]:
        """Name and campaign of each whose digests stand in paths; rivals share all with the campaign itself, which comes last."""
        lending = [(name, lender.campaign) for name, lender in self.lenders.items()]
        return [*lending, (self.campaign.name, self.campaign)]

    def trials_in(self, proposal: Path) -> list[TrialLayout]:
        """Every trial of a proposal, which may be a kept copy; none while it is not written."""
        path = standing(proposal)
        return [trial.files(self.layout) for trial in (read_proposal(path).trials if path.is_file() else ())]

    def is_base(self, digest: str) -> bool:
        """Whether a trial is a base model's, by what was decided so far."""
        base = self.layout.campaign(self.campaign.name).special(BASE)
        return digest in {trial.folder.name for trial in self.trials_in(base)}

    def model(self, name: str, digest: str) -> Model:
        """The model whose resources a trial needs: this campaign's, or the lending campaign's for a base model.

        Raises:
            KeyError: if no campaign has a model of this name.
        """
        base = {model.name: model for lender in self.lenders.values() for model in lender.campaign.models}
        own = {model.name: model for model in self.campaign.models}
        return (own | base if self.is_base(digest) else base | own)[name]

    def trained_for(self, name: str, digest: str) -> Campaign:
        """The campaign that says how a trial is trained: this one, or the lending one for a base model.

        Raises:
            KeyError: if the trial is a base model's and no lending campaign has a model of this name.
        """
        if not self.is_base(digest):
            return self.campaign
        lending = {model.name: one.campaign for one in self.lenders.values() for model in one.campaign.models}
        return lending[name]


def known_runs(campaign: Campaign) -> Runs:
    """The campaigns that a run of this one knows.

    Raises:
        ConfigError: if the YAML of a campaign that lends a base model cannot be read.
    """
    lenders = {}
    for model in campaign.models:
        base = base_campaign(model, campaign.results)
        if model.base is not None and base is not None:
            lenders[base.name] = Lender(base, model.base.campaign)
    rivals = map(campaign.rival, campaign.benchmark.methods)
    return Runs(campaign, {one.name: one for one in (campaign, *rivals)}, lenders)
