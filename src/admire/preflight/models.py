"""Can the models of the YAML be made: are architectures known, model weights there, and windows short enough for each model?

transformers ignores keys that it does not know and would train another model, so unknown keys are refused. Model weights on the hub
are checked once they are on this machine (`admire.preflight.hub`).
"""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from admire.campaign.loading import load
from admire.campaign.recipes import ready_tokenizer
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.models import Model
from admire.data.chat_template import GENERATION
from admire.errors import ConfigError
from admire.preflight.chat_example import check_rendering
from admire.preflight.hub import model_file, on_hub
from admire.preflight.vocabulary import check_tokenizer_files, check_vocabulary
from admire.preflight.weights import check_files, check_kind, check_settings, check_tensors, read_json_file

if TYPE_CHECKING:
    from transformers import PretrainedConfig

SETTINGS = ("generation_config.json",)  # transformers reads these files beside config.json.
# For these types of rotary positions the window is the original length times `factor`. For llama3, max_position_embeddings already
# includes the factor.
STRETCHED = ("linear", "dynamic", "yarn", "longrope")


def check_models(campaign: Campaign, origin: str) -> None:
    """Refuse architectures and model weights that cannot be used, and windows, tokenizers or chat templates that do not fit them.

    Raises:
        ConfigError: names the key and, for an unknown one, the most similar known key.
    """
    if (path := campaign.tokenizer.path) is not None:
        try:
            check_tokenizer_files(path)
        except ConfigError as error:
            raise ConfigError(f"{origin}: {error}") from None
    for model in campaign.models:
        try:
            config = _configuration(model)
            if model.base is None:  # `fit` checks the windows of base models, together with the suites.
                _check_length(campaign, longest(config))
            check_vocabulary(
                campaign, model, getattr(_text_part(config), "vocab_size", None) if _states(model) else None
            )
        except ConfigError as error:
            place = "" if str(error).startswith("tokenizer.") else f"models.{model.name}"
            raise ConfigError(f"{origin}: {place}{error}") from None
    if campaign.training.kind == "sft":
        _check_template(campaign, origin)
    for model in campaign.models:  # This check comes last because it takes seconds.
        if model.path is not None:
            try:
                check_tensors(model.path)
            except ConfigError as error:
                raise ConfigError(f"{origin}: models.{model.name}{error}") from None


def _states(model: Model) -> bool:
    """Whether the number of embeddings is given. An architecture without `vocab_size` gets as many as its tokenizer needs."""
    return model.architecture is None or "vocab_size" in model.architecture


def _configuration(model: Model) -> PretrainedConfig | None:
    """The configuration of a model as transformers reads it; None if it is on the hub and was not fetched yet.

    Raises:
        ConfigError: if transformers cannot use it.
    """
    if model.architecture is not None:
        return _of_architecture(dict(model.architecture))
    if model.base is not None:
        lent = load(model.base.campaign)
        if model.base.model not in {one.name for one in lent.models}:
            known = ", ".join(one.name for one in lent.models)
            raise ConfigError(f".base.model: {model.base.campaign} has no model '{model.base.model}'; it has {known}")
        return _configuration(lent.model(model.base.model))
    return _of_weights(model)


def _check_length(campaign: Campaign, most: int | None) -> None:
    length = campaign.training.sequence_length
    if most is not None and length > most:
        raise ConfigError(
            f": training.sequence_length: {length} tokens are more than its max_position_embeddings, {most}; "
            "shorten the windows, or choose a model that reads more"
        )


def longest(config: PretrainedConfig | None) -> int | None:
    """The longest window in tokens that a model reads, stretched rotary positions included; None if its configuration is silent."""
    config = _text_part(config)
    most = getattr(config, "max_position_embeddings", None)
    if not isinstance(most, int) or most <= 0:
        return None
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    factor = rope.get("factor") if isinstance(rope, dict) else None
    if not isinstance(factor, int | float) or rope.get("rope_type", rope.get("type")) not in STRETCHED:
        return most
    return max(most, int(factor * (rope.get("original_max_position_embeddings") or most)))


def _text_part(config: PretrainedConfig | None) -> PretrainedConfig | None:
    """The text model's part of a configuration: models that also read images, say, have a `text_config`."""
    return getattr(config, "text_config", None) or config


def _of_architecture(architecture: dict[str, Any]) -> PretrainedConfig:
    """The configuration that transformers makes of an architecture of the YAML.

    Raises:
        ConfigError: for an unknown `model_type`, an unknown key, or values that transformers refuses.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING, CONFIG_MAPPING_NAMES

    kind = str(architecture.pop("model_type", None))
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
        return maker(**architecture)
    except (TypeError, ValueError, StrictDataclassError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise ConfigError(f".architecture: transformers refuses it ({reason}); correct it") from None


def _of_weights(model: Model) -> PretrainedConfig | None:
    """The configuration of the model weights at `path`; None if they are on the hub and were not fetched yet.

    Raises:
        ConfigError: if transformers cannot use it, or if files of the weights are missing, damaged or of an unsupported kind.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING, CONFIG_MAPPING_NAMES

    path = str(model.path)
    if not on_hub(path) and not Path(path).is_dir():
        raise ConfigError(
            f".path: {path} is no folder; correct it, paths are relative to where the command runs, and names on the hub are "
            "`owner/name`"
        )
    file = model_file(path, "config.json")
    if file is None:
        if on_hub(path):
            return None
        raise ConfigError(f".path: {path} has no config.json; name the folder that holds a model in the hub's layout")
    content = read_json_file(file)
    if "auto_map" in content:
        raise ConfigError(
            f".path: {path} brings code of its own (auto_map), which is not run; choose a model that transformers has"
        )
    kind = str(content.get("model_type") or "")
    if kind not in CONFIG_MAPPING_NAMES:
        what = f"of type '{kind}', which transformers does not have" if kind else "of no type (model_type)"
        raise ConfigError(f".path: {file} describes a model {what}; name the folder of a causal language model")
    check_kind(path, content)
    check_settings(path, SETTINGS)
    check_files(path)
    try:
        return CONFIG_MAPPING[kind].from_dict(content)
    except (TypeError, ValueError, AttributeError, KeyError, StrictDataclassError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise ConfigError(f".path: transformers refuses {file} ({reason}); copy or fetch it again") from None


def _check_template(campaign: Campaign, origin: str) -> None:
    """Refuse fine-tuning without a chat template, or with one that does not mark the assistant's tokens if the loss needs that."""
    tokenizer = campaign.tokenizer
    if tokenizer.chat_template is not None:
        path = Path(tokenizer.chat_template)
        if not path.is_file():
            raise ConfigError(
                f"{origin}: tokenizer.chat_template: {path}: no such file; it should hold a Jinja template"
            )
        try:
            template, where = path.read_text(encoding="utf-8"), str(path)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{origin}: tokenizer.chat_template: {path} cannot be read ({error})") from None
    else:
        ready = ready_tokenizer(campaign)
        if ready is None:
            raise ConfigError(
                f"{origin}: tokenizer.chat_template: a tokenizer that the workflow trains has none; name a Jinja file, say "
                "config/chat.jinja"
            )
        if model_file(ready, "tokenizer_config.json") is None and on_hub(ready):
            return  # The tokenizer was not fetched yet.
        own = own_template(ready)
        if not own:
            raise ConfigError(
                f"{origin}: tokenizer.chat_template: the tokenizer of {ready} has no chat template; name a Jinja file"
            )
        template, where = own, ready
    if campaign.training.loss_on == "assistant" and not GENERATION.search(template):
        raise ConfigError(
            f"{origin}: tokenizer.chat_template: that of {where} does not mark the assistant's turns by {{% generation %}}; name a "
            "Jinja file that does, or set training.loss_on: all"
        )
    check_rendering(template, ready_tokenizer(campaign), f"{origin}: tokenizer.chat_template: that of {where}")


def own_template(path: str) -> str | None:
    """The chat template that comes with a tokenizer, from chat_template.jinja or tokenizer_config.json; None if it has none.

    Args:
        path: the tokenizer's folder or name on the hub.
    """
    beside, config = model_file(path, "chat_template.jinja"), model_file(path, "tokenizer_config.json")
    if beside is not None:
        return beside.read_text(encoding="utf-8")
    found = json.loads(config.read_text(encoding="utf-8")).get("chat_template") if config else None
    if isinstance(
        found, list
    ):  # A list holds several templates with names; transformers applies the one called `default`.
        return next((entry["template"] for entry in found if entry["name"] == "default"), None)
    return found
