"""What the workflow tells the subcommands of its jobs. Several words are a list, of which each is quoted in a shell line."""

from __future__ import annotations

from admire.campaign.fidelity import fidelities, label
from admire.campaign.validation_plan import ValidationPlan, validation_plan
from admire.loop.runs import Runs


def campaign_arguments(runs: Runs, name: str) -> list[str]:
    """How a job names a campaign: its configuration as this run merged it, or the YAML of one that lends a base model."""
    if name in runs.lenders:
        return ["--campaign", runs.lenders[name].file, "--results", runs.campaign.results]
    return ["--campaign", str(runs.layout.campaign(name).config)]


def asking_campaign(runs: Runs, digest: str) -> list[str]:
    """The campaign whose decisions wait for a training; a base model's is waited for by trainings that cannot do without it."""
    return [] if runs.is_base(digest) else campaign_arguments(runs, runs.campaign.name)


def validation_plans(runs: Runs) -> dict[str, ValidationPlan | None]:
    """Name -> what the trainings of a campaign are told about validating.

    Raises:
        ConfigError: if a file that a source's digest is made of cannot be read.
    """
    return {name: validation_plan(one) for name, one in runs.owners}


def validation_arguments(runs: Runs, plans: dict[str, ValidationPlan | None], model: str, digest: str) -> list[str]:
    """What a training is told about validating; a base model's, what the campaign says that lends it."""
    plan = plans[runs.trained_for(model, digest).name]
    return ["--validation", plan.model_dump_json()] if plan else []


def resources_argument(runs: Runs, model: str, digest: str) -> str:
    """A trial's resources as subcommands take them: JSON of what the model declares."""
    return runs.model(model, digest).resources.model_dump_json(exclude_defaults=True)


def cost_at_most(runs: Runs, model: str, digest: str, share: float | str) -> str:
    """What a training costs at most, with its unit; going on with a shorter training costs less.

    Args:
        share: of the training steps.
    """
    if float(share) == 1:
        cost = runs.model(model, digest).cost
    else:
        cost = {one.name: one.cost for one in fidelities(runs.campaign)}[label(model, share)]
    return f"{cost:g} {runs.campaign.budget.unit}"
