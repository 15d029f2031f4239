"""Can the models be what the YAML says? Architectures that transformers knows, weights that are there, lengths that they can read.

transformers ignores keys that it does not know, and trains something else. Weights on the hub that are not fetched yet are looked
at once they are (`admire.preflight.hub`).
"""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

from admire.campaign.config import Campaign, Model
from admire.data.chat_template import GENERATION
from admire.errors import ConfigError
from admire.preflight.hub import model_file, on_hub


def check_models(campaign: Campaign, origin: str) -> None:
    """Refuse architectures and weights that cannot be used, and windows or templates that do not fit them.

    Raises:
        ConfigError: names the key, and the nearest known one.
    """
    for model in campaign.models:
        try:
            made = model.architecture
            longest = _check_weights(model) if made is None else _check_architecture(dict(made))
            length = campaign.training.sequence_length
            if longest is not None and length > longest:
                raise ConfigError(
                    f": training.sequence_length: {length} tokens are more than its max_position_embeddings, {longest}; "
                    "shorten the windows, or choose a model that reads more"
                )
        except ConfigError as error:
            raise ConfigError(f"{origin}: models.{model.name}{error}") from None
    if campaign.training.kind == "sft":
        _check_template(campaign, origin)


def _check_architecture(architecture: dict[str, Any]) -> int | None:
    """The longest window that it reads, as far as its configuration says."""
    from huggingface_hub.errors import StrictDataclassError
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING, CONFIG_MAPPING_NAMES

    kind = architecture.pop("model_type", None)
    if kind not in CONFIG_MAPPING_NAMES:
        near = difflib.get_close_matches(str(kind), CONFIG_MAPPING_NAMES, n=1, cutoff=0.5)
        hint = f"did you mean '{near[0]}'?" if near else "name one that transformers has, say llama"
        raise ConfigError(f".architecture.model_type: transformers has no '{kind}'; {hint}")
    maker = CONFIG_MAPPING[kind]
    known = maker().to_dict()
    for key in architecture:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else "transformers would ignore it; remove it"
            raise ConfigError(f".architecture.{key}: {kind} has no such key; {hint}")
    try:
        return getattr(maker(**architecture), "max_position_embeddings", None)
    except (TypeError, ValueError, StrictDataclassError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise ConfigError(f".architecture: transformers refuses it ({reason}); correct it") from None


def _check_weights(model: Model) -> int | None:
    """The longest window that the weights at `path` read; None while they are on the hub only, or made by the workflow."""
    path = model.path
    if path is None:
        return None
    if not on_hub(path) and not Path(path).is_dir():
        raise ConfigError(
            f".path: {path} is no folder; correct it, paths are relative to where the command runs, and names on the hub are "
            "`owner/name`"
        )
    config = model_file(path, "config.json")
    if config is None:
        if on_hub(path):
            return None
        raise ConfigError(f".path: {path} has no config.json; name the folder that holds a model in the hub's layout")
    if not on_hub(path) and not any(Path(path).glob("*.safetensors")):
        raise ConfigError(
            f".path: {path} holds no *.safetensors; save the weights in that form, pickles are not opened"
        )
    content = json.loads(config.read_text(encoding="utf-8"))
    if "auto_map" in content:
        raise ConfigError(
            f".path: {path} brings code of its own (auto_map), which is not run; choose a model that transformers has"
        )
    return content.get("max_position_embeddings")


def _check_template(campaign: Campaign, origin: str) -> None:
    """Refuse fine-tuning without a chat template, or with one that does not say which tokens the assistant's are."""
    tokenizer = campaign.tokenizer
    if tokenizer.chat_template is not None:
        path = Path(tokenizer.chat_template)
        if not path.is_file():
            raise ConfigError(
                f"{origin}: tokenizer.chat_template: {path}: no such file; it should hold a Jinja template"
            )
        template, where = path.read_text(encoding="utf-8"), str(path)
    else:
        where = tokenizer.path or campaign.target.path
        if where is None or model_file(where, "tokenizer_config.json") is None:
            return  # a base model's own tokenizer, or one that is not fetched yet
        template = own_template(where)
        if not template:
            raise ConfigError(
                f"{origin}: tokenizer.chat_template: the tokenizer of {where} has no chat template; name a Jinja file"
            )
    if campaign.training.loss_on == "assistant" and not GENERATION.search(template):
        raise ConfigError(
            f"{origin}: tokenizer.chat_template: that of {where} does not mark the assistant's turns by {{% generation %}}; name a "
            "Jinja file that does, or set training.loss_on: all"
        )


def own_template(path: str) -> str | None:
    """The chat template that a tokenizer brings, in its own file or in its configuration."""
    beside, config = model_file(path, "chat_template.jinja"), model_file(path, "tokenizer_config.json")
    if beside is not None:
        return beside.read_text(encoding="utf-8")
    assert config is not None
    found = json.loads(config.read_text(encoding="utf-8")).get("chat_template")
    if isinstance(found, list):  # several by name
        return next((entry["template"] for entry in found if entry["name"] == "default"), None)
    return found
