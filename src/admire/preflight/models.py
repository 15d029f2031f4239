"""Does transformers know the architectures? It ignores keys that it does not know, and trains something else."""

from __future__ import annotations

import difflib

from admire.campaign.config import Campaign
from admire.errors import ConfigError


def check_models(campaign: Campaign, origin: str) -> None:
    """Refuse architectures that transformers does not have, misspelt keys, and values that it refuses.

    Raises:
        ConfigError: names the key, and the nearest known one.
    """
    for model in campaign.models:
        if model.architecture is not None:
            try:
                _check(dict(model.architecture))
            except ConfigError as error:
                raise ConfigError(f"{origin}: models.{model.name}.architecture{error}") from None


def _check(architecture: dict[str, object]) -> None:
    from huggingface_hub.errors import StrictDataclassError
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING, CONFIG_MAPPING_NAMES

    kind = architecture.pop("model_type", None)
    if kind not in CONFIG_MAPPING_NAMES:
        near = difflib.get_close_matches(str(kind), CONFIG_MAPPING_NAMES, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else "name one that transformers has, say llama"
        raise ConfigError(f".model_type: transformers has no '{kind}'; {hint}")
    maker = CONFIG_MAPPING[kind]
    known = maker().to_dict()
    for key in architecture:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else "transformers would ignore it; remove it"
            raise ConfigError(f".{key}: {kind} has no such key; {hint}")
    try:
        maker(**architecture)
    except (TypeError, ValueError, StrictDataclassError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise ConfigError(f": transformers refuses it ({reason}); correct it") from None
