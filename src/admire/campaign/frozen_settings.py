"""The part of a campaign that decides outcomes. It is frozen at the first real run, and later runs are compared with it.

It consists of settings, the content of the paths that they name, and the content of the sources. Budget, lanes, costs, resources,
objective, optimiser and further evaluation suites may change: they decide which trials and scores come next, but not what a
finished trial means.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from admire.campaign import contents as of_paths
from admire.campaign.answers import ANSWERS
from admire.campaign.layout import Layout
from admire.campaign.loaded_by import loaded_by
from admire.campaign.recipes import base_campaign, ready_tokenizer
from admire.campaign.schema.campaign import Campaign
from admire.errors import ConfigError

SHA256 = re.compile(r"[0-9a-f]{64}")
LOADING, ELSEWHERE = "tokenizer (how it is loaded)", "(files elsewhere)"  # Locks of earlier versions lack these keys.
SHOWN = 16  # A message shows this many digits of a sha256.


def deciding(campaign: Campaign) -> dict[str, Any]:
    """The settings that may not change under one campaign name."""
    models = {}
    for model in campaign.models:
        frozen = model.model_dump(include={"architecture", "path", "base", "rows", "training"}, exclude_none=True)
        if model.resources.gpus == 0:
            frozen["threads"] = model.resources.threads  # Floating-point sums on CPU depend on it.
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


def fresh(campaign: Campaign) -> dict[str, Any]:
    """The content of the lock of a campaign that begins, without that of its sources."""
    return {"decides": deciding(campaign), "contents": contents(campaign), "answers": ANSWERS}


def contents(campaign: Campaign) -> dict[str, Any]:
    """The content of the paths that `deciding` names: key -> sha256; None if nothing is there.

    For a campaign that lends a base model, the value is instead a mapping of all that decides that model.
    """
    layout = Layout(Path(campaign.results))
    found: dict[str, Any] = {}
    template = campaign.tokenizer.chat_template
    if (path := ready_tokenizer(campaign)) is not None:
        key = "tokenizer.path" if campaign.tokenizer.path else f"models.{campaign.target.name}.path (tokenizer)"
        found[key] = of_paths.tokenizer(path, layout.hashes, own_template=template is None)
        found[LOADING] = loaded_by(path, layout.hashes)
    if template is not None:
        found["tokenizer.chat_template"] = of_paths.text_file(template)
    for model in campaign.models:
        if model.path is not None:
            found[f"models.{model.name}.path"] = of_paths.weights(model.path, layout.hashes)
            if (elsewhere := of_paths.weights_elsewhere(model.path, layout.hashes)) is not None:
                found[f"models.{model.name}.path {ELSEWHERE}"] = elsewhere
        if (lent := base_campaign(model, campaign.results)) is not None and model.base is not None:
            alone = lent.model_copy(
                update={"models": [lent.model(model.base.model).model_copy(update={"target": True})]}
            )
            found[f"models.{model.name}.base.campaign"] = {**deciding(alone), **contents(alone)}
    return found


def differences(before: Any, now: Any, place: str = "") -> list[str]:
    """One phrase per key at which two nested mappings differ, with both values."""
    if isinstance(before, dict) and isinstance(now, dict):
        found = []
        for key in sorted(before.keys() | now.keys()):
            found += differences(before.get(key), now.get(key), f"{place}.{key}" if place else str(key))
        return found
    return [] if before == now else [f"{place} was {_shown(before)}, is {_shown(now)}"]


def check(campaign: Campaign, frozen: dict[str, Any], origin: str) -> None:
    """Compare a campaign's settings with the frozen ones.

    Raises:
        ConfigError: names every key that differs, with both values.
    """
    found = differences(frozen["decides"], deciding(campaign))
    if found:
        raise ConfigError(
            f"{origin}: campaign '{campaign.name}' began with other settings: {'; '.join(found)}; "
            "old and new trials would not be comparable: restore the value, or give the campaign another name"
        )


def check_contents(campaign: Campaign, frozen: dict[str, Any], origin: str) -> None:
    """Compare the content of the paths with the frozen one. Locks of early versions hold none, and are not compared.

    Raises:
        ConfigError: names every path whose content has changed, with both digests.
    """
    if "contents" not in frozen:
        return
    before = frozen["contents"]
    now = _known_to(before, contents(campaign))
    found = []
    for key in sorted(before.keys() | now.keys()):
        if isinstance(before.get(key), dict) and isinstance(now.get(key), dict):
            found += differences(before[key], now[key], key)
        elif before.get(key) != now.get(key):
            found.append(f"{key} holds {_other(key)} (was {_shown(before.get(key))}, is {_shown(now.get(key))})")
    if found:
        raise ConfigError(
            f"{origin}: campaign '{campaign.name}' began with other files under the same names: {'; '.join(found)}; "
            "old and new trials would not be comparable: restore the files, or give the campaign another name"
        )


def completed(held: dict[str, Any], frozen: dict[str, Any]) -> dict[str, Any]:
    """The frozen contents of a lock, completed by the present value of keys that earlier versions did not record."""
    inner = {key: completed(value, frozen[key]) for key, value in held.items() if _both_nested(value, frozen.get(key))}
    return {key: value for key, value in held.items() if _is_later(key)} | frozen | inner


def _known_to(frozen: dict[str, Any], held: dict[str, Any]) -> dict[str, Any]:
    """The present contents `held`, without the keys that the version which wrote the lock did not record."""
    inner = {key: _known_to(frozen[key], value) for key, value in held.items() if _both_nested(value, frozen.get(key))}
    return {key: value for key, value in held.items() if key in frozen or not _is_later(key)} | inner


def _both_nested(*values: Any) -> bool:
    return all(isinstance(value, dict) for value in values)


def _is_later(key: str) -> bool:
    return key == LOADING or key.endswith(ELSEWHERE)


def _other(key: str) -> str:
    """The words with which a message names the changed content of a key."""
    if key == LOADING:
        return "another configuration of its model, or other files that it names"
    if key == "tokenizer.chat_template":
        return "another chat template"
    return "other weights" if key.endswith((".path", ELSEWHERE)) and key.startswith("models.") else "another tokenizer"


def content_of(cards: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The sha256 of the sources' rows: `<source>` for training, and `<source> (<split>)` for each held-out split."""
    found = {}
    for name, card in cards.items():
        for split, held in card["splits"].items():
            found[name if split == "train" else f"{name} ({split})"] = held["sha256"]
    return found


def check_content(campaign: Campaign, frozen: dict[str, str], content: dict[str, str], origin: str) -> None:
    """Compare the sources' content, as `content_of` returns it, with the frozen one.

    Raises:
        ConfigError: names the sources whose content changed, with both digests.
    """
    changed = [
        f"{name} (was {_shown(frozen[name])}, is {_shown(content.get(name))})"
        for name in sorted(frozen)
        if content.get(name) != frozen[name]
    ]
    if changed:
        raise ConfigError(
            f"{origin}: the content of source {', '.join(changed)} is not what campaign '{campaign.name}' began with; "
            "old and new evidence are not mixed under one name: restore the files, or give the campaign another name"
        )


def _shown(value: Any) -> str:
    if value is None:
        return "not there"
    return value[:SHOWN] if isinstance(value, str) and SHA256.fullmatch(value) else repr(value)
