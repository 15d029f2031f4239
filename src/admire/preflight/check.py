"""All checks in the order in which a user should learn of failures; only the first failure is reported."""

from __future__ import annotations

from pathlib import Path

import yaml

from admire.campaign import frozen_settings
from admire.campaign.layout import CampaignLayout, Layout
from admire.campaign.recipes import base_campaign
from admire.campaign.schema.campaign import Campaign
from admire.preflight.budget import check_budget, check_raised_budget
from admire.preflight.first_start import write_contents_down
from admire.preflight.fit import check_fit
from admire.preflight.folder import check_folder
from admire.preflight.frozen_tasks import check_frozen_tasks, with_tasks
from admire.preflight.hub import check_fetched
from admire.preflight.machines import check_machines
from admire.preflight.method import check_methods
from admire.preflight.models import check_models
from admire.preflight.sources import check_commits, check_masks, check_sources
from admire.preflight.tasks import check_tasks
from admire.trials import breaker
from admire.trials.atomic_files import read_json, write_json, write_text
from admire.trials.ledger import Ledger


def check(campaign: Campaign, origin: str = "the configuration", fetched: bool = True) -> None:
    """Refuse a campaign that cannot work.

    Args:
        origin: the configuration file, as messages name it.
        fetched: whether files from the hub must be on this machine already.

    Raises:
        AdmireError: one sentence with file, key and fix.
    """
    files = Layout(Path(campaign.results)).campaign(campaign.name)
    begun = _begun(files)
    if begun:
        frozen = read_json(files.lock)
        frozen_settings.check(campaign, frozen, origin)
        frozen_settings.check_contents(campaign, frozen, origin)
        breaker.check(campaign, Ledger.read(campaign))
    check_methods(campaign, origin)
    check_budget(campaign, origin)
    check_raised_budget(campaign, origin)
    check_sources(campaign, origin, begun)
    for model in campaign.models:
        base = base_campaign(model, campaign.results)
        if base is not None and model.base is not None:
            # `begun` leaves out the check for several possible mixtures: a base model is trained on the baseline mixture alone.
            check_sources(base, model.base.campaign, begun=True)
            check_machines(base, model.base.campaign)
            if not begun:
                check_models(base, model.base.campaign)
    check_tasks(campaign, origin)
    if begun:
        check_frozen_tasks(campaign, frozen, origin)
    check_machines(campaign, origin)
    if not begun:  # These checks take seconds, and what they check is frozen once the campaign has begun.
        check_commits(campaign, origin)
        check_masks(campaign, origin)
        check_models(campaign, origin)
    check_fit(campaign, origin)
    if fetched:
        check_fetched(campaign, origin)
    check_folder(campaign, origin)


def begin(campaign: Campaign) -> list[str]:
    """Start a real run: write the merged configuration that the subcommands read, and freeze everything that decides outcomes.

    Returns:
        At most one sentence, for a campaign that an earlier version began and that froze less than is frozen now.
    """
    layout = Layout(Path(campaign.results))
    files = layout.campaign(campaign.name)
    write_text(files.config, yaml.safe_dump(campaign.model_dump(mode="json"), sort_keys=False))
    write_contents_down(campaign)
    fresh = frozen_settings.fresh(campaign)
    held = fresh["contents"]
    begun = _begun(files)
    frozen = read_json(files.lock) if begun else fresh
    known = frozen.get("contents", {})
    completed = frozen_settings.completed(held, known) if "contents" in frozen else held
    write_json(files.lock, with_tasks(campaign, frozen | {"contents": completed}))
    added = sorted(key for key in completed if completed[key] != known.get(key))
    if not begun or not added:
        return []
    return [
        f"{files.lock}: campaign '{campaign.name}' began with a version that did not compare the contents of paths; the present "
        f"contents of {', '.join(added)} are taken for those that it began with"
    ]


def _begun(files: CampaignLayout) -> bool:
    """Whether the campaign has decided trials, which a changed setting would make incomparable with later ones."""
    return files.lock.is_file() and bool(files.proposals())
