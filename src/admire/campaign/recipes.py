"""Recipes and their digests. A recipe is everything in the YAML that decides a tokenizer, a prepared source or an evaluation.

The digest of a recipe names a folder or file before anything has run, so that the workflow can plan. The result of the recipe is
identified by the sha256 of its content (in `card.json`), and that sha256 enters the trial's identity.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from admire.campaign.answers import answers_version
from admire.campaign.content_identity import tokenizer_identity
from admire.campaign.json_hash import digest
from admire.campaign.layout import Layout
from admire.campaign.loading import load
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.evaluation import Benchmarks, Suite
from admire.campaign.schema.models import Model
from admire.campaign.shots import shots_by_files
from admire.campaign.task_contents import folder_files, outside

# Raise this when the code that prepares sources or trains tokenizers makes something else from the same recipe.
VERSION = 1


def base_campaign(model: Model, results: str | None = None) -> Campaign | None:
    """The base campaign, from whose final model `model` starts; None if it starts from something else.

    Args:
        results: results folder to use instead of the base campaign's own, which is that of the campaign that uses the model.
    """
    if model.base is None:
        return None
    base = load(model.base.campaign)
    return base.model_copy(update={"results": results}) if results else base


def ready_tokenizer(campaign: Campaign) -> str | None:
    """The path of the ready tokenizer that a campaign uses; None if its tokenizer is trained."""
    if campaign.tokenizer.path is not None:
        return campaign.tokenizer.path
    if campaign.tokenizer.vocabulary is not None:
        return None
    base = base_campaign(campaign.target, campaign.results)
    return ready_tokenizer(base) if base else campaign.target.path


def tokenizer_recipe(campaign: Campaign) -> dict[str, Any]:
    """The recipe of the tokenizer: the identity of a ready one, or the sources and settings with which it is trained."""
    if (path := ready_tokenizer(campaign)) is not None:
        own_template = campaign.tokenizer.chat_template is None
        return dict(tokenizer_identity(path, Layout(Path(campaign.results)), own_template))
    owner = tokenizer_owner(campaign)
    assert owner is not None
    entries = {name: source.deciding for name, source in owner.sources.items()}
    return {
        "version": VERSION,
        "vocabulary": owner.tokenizer.vocabulary,
        "documents_per_source": owner.tokenizer.documents_per_source,
        "sources": entries,
        "held_out": owner.held_out.model_dump(exclude={"max_rows"}),
    }


def tokenizer_owner(campaign: Campaign) -> Campaign | None:
    """The campaign on whose sources the tokenizer is trained, itself or its base campaign; None if a ready one is used."""
    if campaign.tokenizer.path is not None:
        return None
    if campaign.tokenizer.vocabulary is not None:
        return campaign
    base = base_campaign(campaign.target, campaign.results)
    return tokenizer_owner(base) if base else None


def tokenizer_digest(campaign: Campaign) -> str:
    """The digest that names `results/tokenizers/<digest>/`."""
    return digest(tokenizer_recipe(campaign))


def source_recipe(campaign: Campaign, name: str, tokenizer: dict[str, Any] | None = None) -> dict[str, Any]:
    """The recipe of a prepared source: its entry in the YAML, the tokenizer, the form and length of rows, and the splits.

    Args:
        tokenizer: the campaign's `tokenizer_recipe`; None computes it.
    """
    recipe: dict[str, Any] = {
        "version": VERSION,
        "entry": campaign.sources[name].deciding,
        "tokenizer": tokenizer or tokenizer_recipe(campaign),
        "kind": campaign.training.kind,
        "length": campaign.training.sequence_length,
        "held_out": campaign.held_out.model_dump(),
    }
    if campaign.training.kind == "sft":
        recipe["loss_on"] = campaign.training.loss_on
        if campaign.tokenizer.chat_template is not None:
            template = Path(campaign.tokenizer.chat_template)
            recipe["chat_template"] = template.read_text(encoding="utf-8") if template.is_file() else None
    return recipe


def source_digest(campaign: Campaign, name: str) -> str:
    """The digest that names `results/sources/<source>/<digest>/`."""
    return digest(source_recipe(campaign, name))


def source_digests(campaign: Campaign, names: list[str] | None = None) -> dict[str, str]:
    """Source -> its digest, for the named sources or for all. The tokenizer, which they share, is hashed only once."""
    tokenizer = tokenizer_recipe(campaign)
    return {name: digest(source_recipe(campaign, name, tokenizer)) for name in names or campaign.sources}


def suite_digest(campaign: Campaign, name: str, split: str = "validation") -> str:
    """The eight digits in an evaluation's file name, a digest of tasks, few-shot examples, batch size, held-out data and split.

    Args:
        split: `validation` (campaigns) or `test` (benchmarks).
    """
    suite: Suite = campaign.evaluation[name]
    # These keys decide whether there is a score, not which one.
    recipe: dict[str, Any] = {
        "suite": suite.model_dump(exclude={"runs_code", "trusts_code", "reads", "isolation", "cut_prompts"}),
        "split": split,
    }
    if isinstance(suite, Benchmarks):
        # Earlier versions wrote 0 if the key was left out. Their evaluations keep their names if the tasks' files say 0 as well.
        recipe["suite"]["few_shot"] = suite.few_shot or 0
        if shots := shots_by_files(suite):
            recipe["shots"] = shots
        if suite.include_path is not None:
            hashes = Layout(Path(campaign.results)).hashes
            recipe["files"] = digest(folder_files(suite.include_path, hashes))
            if elsewhere := outside(suite, hashes):
                recipe["elsewhere"] = elsewhere
        # Evaluations that read answers by version 1 had no such key, and keep their names.
        if (version := answers_version(campaign, suite)) not in (None, 1):
            recipe["answers"] = version
    else:
        recipe["sources"] = source_digests(campaign, suite.sources)
    return digest(recipe)[:8]
