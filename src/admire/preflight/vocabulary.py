"""Has each model an embedding for every token of its tokenizer? A token without one ends a training at its first batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from admire.campaign.layout import Layout
from admire.campaign.recipes import base_campaign, ready_tokenizer, tokenizer_digest, tokenizer_owner
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.models import Model
from admire.errors import ConfigError
from admire.preflight.hub import model_file, on_hub
from admire.preflight.weights import check_settings, read_json_file

SETTINGS = ("tokenizer_config.json", "special_tokens_map.json", "chat_template.json")


def check_vocabulary(campaign: Campaign, model: Model, embeddings: int | None) -> None:
    """Refuse a tokenizer with more entries than a model has embeddings.

    Args:
        embeddings: how many the model's configuration names; None if it names no number.

    Raises:
        ConfigError: names both numbers. The caller puts `models.<name>` in front of the message.
    """
    base = base_campaign(model, campaign.results)
    if base is not None:
        if ready_tokenizer(base) == ready_tokenizer(campaign) and tokenizer_owner(base) == tokenizer_owner(campaign):
            return  # The base model is trained with this very tokenizer.
        # A base model gets as many embeddings as the tokenizer of its campaign has entries, whatever its architecture says.
        embeddings = entries(base)
    size = entries(campaign)
    if size is None or embeddings is None or size <= embeddings:
        return
    tokenizer = (
        ready_tokenizer(campaign) or f"the campaign's own, tokenizer.vocabulary: {campaign.tokenizer.vocabulary}"
    )
    key = ".architecture.vocab_size" if model.architecture else ".base" if base else ".path"
    raise ConfigError(
        f"{key}: the model has embeddings for {embeddings:,} tokens, its tokenizer ({tokenizer}) has {size:,}, added ones "
        "included; resize the model's embeddings and save it, or use the tokenizer that belongs to it"
    )


def entries(campaign: Campaign) -> int | None:
    """The largest token id of the campaign's tokenizer, plus 1.

    Of a tokenizer that is not trained yet it is the vocabulary that the YAML allows. None if the files are not on this machine.
    """
    path = ready_tokenizer(campaign)
    if path is not None:
        return _entries_at(path)
    owner = tokenizer_owner(campaign)
    trained = Layout(Path(campaign.results)).tokenizer(tokenizer_digest(campaign))
    return (_entries_at(str(trained)) if trained.is_dir() else None) or (owner.tokenizer.vocabulary if owner else None)


def check_tokenizer_files(path: str) -> None:
    """Refuse a folder that does not exist or holds no tokenizer; a name on the hub is not checked.

    Raises:
        ConfigError: names the folder.
    """
    if on_hub(path):
        return
    if not Path(path).is_dir():
        raise ConfigError(f"tokenizer.path: {path} is no folder, and no name on the hub (`owner/name`); correct it")
    names = ("tokenizer.json", "vocab.json", "vocab.txt", "tokenizer.model", "spiece.model")
    if not any(Path(path, name).is_file() for name in names):
        raise ConfigError(
            f"tokenizer.path: {path} holds no tokenizer (tokenizer.json); name the folder that one was saved in, or set "
            "tokenizer.path to another"
        )
    _entries_at(path)


def _entries_at(path: str) -> int | None:
    """The largest token id in a tokenizer's files, plus 1; None if none of the files that list tokens is there."""
    try:
        check_settings(path, SETTINGS)
        numbers = [*_vocabulary(path), *_added(path)]
    except ConfigError as error:
        raise ConfigError(f"tokenizer{error}") from None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ConfigError(f"tokenizer.path: the files in {path} are no tokenizer's; copy or fetch them again") from None
    return max(numbers, default=-1) + 1 or None


def _vocabulary(path: str) -> list[int]:
    whole, words = model_file(path, "tokenizer.json"), model_file(path, "vocab.json")
    if whole is not None:
        content = read_json_file(whole)
        listed: Any = content["model"]["vocab"]
        found = [*listed.values()] if isinstance(listed, dict) else [*range(len(listed))]
        return found + [token["id"] for token in content.get("added_tokens") or ()]
    return [*read_json_file(words).values()] if words is not None else []


def _added(path: str) -> list[int]:
    """Ids of tokens that were added to the vocabulary later and are listed in files of their own."""
    found: list[int] = []
    config, added = model_file(path, "tokenizer_config.json"), model_file(path, "added_tokens.json")
    if config is not None:
        found += map(int, read_json_file(config).get("added_tokens_decoder") or ())
    if added is not None:
        found += read_json_file(added).values()
    return found
