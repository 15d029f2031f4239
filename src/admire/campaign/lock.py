"""The part of a campaign that decides outcomes, frozen at its first real run and compared ever after.

Budget, lanes, costs, resources, objective, optimiser and further evaluation suites may change: they decide what is tried
or looked at next, not what a finished trial means.
"""

from __future__ import annotations

from typing import Any

from admire.campaign.config import Campaign
from admire.errors import ConfigError


def deciding(campaign: Campaign) -> dict[str, Any]:
    """What must stay as it was under one campaign name."""
    models = {}
    for model in campaign.models:
        frozen = model.model_dump(include={"architecture", "path", "base", "rows", "training"}, exclude_none=True)
        if model.resources.gpus == 0:
            frozen["threads"] = model.resources.threads  # sums on CPU depend on it
        models[model.name] = frozen
    stops = {"fidelity": campaign.fidelity.model_dump(include={"steps"})} if len(campaign.fidelity.steps) > 1 else {}
    return {
        **stops,
        "sources": {name: source.deciding for name, source in campaign.sources.items()},
        "tokenizer": campaign.tokenizer.model_dump(exclude_none=True),
        "held_out": campaign.held_out.model_dump(),
        "mixture": campaign.mixture.model_dump(),
        "training": campaign.training.model_dump(),
        "models": models,
    }


def differences(before: Any, now: Any, place: str = "") -> list[str]:
    """The keys at which two values differ, each with both values."""
    if isinstance(before, dict) and isinstance(now, dict):
        found = []
        for key in sorted(before.keys() | now.keys()):
            found += differences(before.get(key), now.get(key), f"{place}.{key}" if place else str(key))
        return found
    return [] if before == now else [f"{place} was {_shown(before)}, is {_shown(now)}"]


def check(campaign: Campaign, frozen: dict[str, Any], origin: str) -> None:
    """Compare with what was frozen.

    Raises:
        ConfigError: names every differing key with both values.
    """
    found = differences(frozen["decides"], deciding(campaign))
    if found:
        raise ConfigError(
            f"{origin}: campaign '{campaign.name}' began with other settings: {'; '.join(found)}; "
            "old and new trials would not be comparable: restore the value, or give the campaign another name"
        )


def check_content(campaign: Campaign, frozen: dict[str, str], content: dict[str, str], origin: str) -> None:
    """Compare the sources' content (source -> sha256 of its training rows) with what was frozen.

    Raises:
        ConfigError: names the sources whose content changed.
    """
    changed = sorted(name for name in frozen if content.get(name) != frozen[name])
    if changed:
        raise ConfigError(
            f"{origin}: the content of source {', '.join(changed)} is not what campaign '{campaign.name}' began with; "
            "old and new evidence are not mixed under one name: restore the files, or give the campaign another name"
        )


def _shown(value: Any) -> str:
    return "not there" if value is None else repr(value)
