"""The validation settings that a training gets on its command line: the campaign's `validation`, and where the sources lie."""

from __future__ import annotations

from admire.campaign.recipes import source_digest
from admire.campaign.schema.base import Name
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.training import Validation


class ValidationPlan(Validation):
    """A campaign's `validation` and the sources that are scored."""

    sources: dict[Name, str]
    """Source -> digest that names its prepared folder."""


def validation_plan(campaign: Campaign) -> ValidationPlan | None:
    """The plan for all trainings of a campaign; None if the campaign has no `validation`."""
    if campaign.validation is None:
        return None
    sources = {name: source_digest(campaign, name) for name in campaign.sources}
    return ValidationPlan(**campaign.validation.model_dump(), sources=sources)
