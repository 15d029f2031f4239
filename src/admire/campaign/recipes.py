"""Recipes: everything in the YAML that decides a tokenizer, a prepared source or an evaluation, and its digest.

A recipe's digest names a folder or file before anything has run, so that the workflow can plan; what came out of it is
known by its content's sha256 (`card.json`), which is what enters a trial's identity.
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

# Raise when the code that prepares sources or trains tokenizers changes what it makes from the same entry.
VERSION = 1


def base_campaign(model: Model, results: str | None = None) -> Campaign | None:
    """The campaign whose model this one starts from, None for other origins.

    Args:
        results: the folder that it is trained in, that of the campaign which borrows the model.
    """
    if model.base is None:
        return None
    base = load(model.base.campaign)
    return base.model_copy(update={"results": results}) if results else base


def ready_tokenizer(campaign: Campaign) -> str | None:
    """The path of the tokenizer that a campaign takes as it is; None when one is trained."""
    if campaign.tokenizer.path is not None:
        return campaign.tokenizer.path
    if campaign.tokenizer.vocabulary is not None:
        return None
    base = base_campaign(campaign.target, campaign.results)
    return ready_tokenizer(base) if base else campaign.target.path


def tokenizer_recipe(campaign: Campaign) -> dict[str, Any]:
    """What decides the tokenizer: the content of a ready one, or the entries it is trained on."""
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
    """The campaign whose sources train the tokenizer (itself, or its base's); None when a ready one is used."""
    if campaign.tokenizer.path is not None:
        return None
    if campaign.tokenizer.vocabulary is not None:
        return campaign
    base = base_campaign(campaign.target, campaign.results)
    return tokenizer_owner(base) if base else None


def tokenizer_digest(campaign: Campaign) -> str:
    """Names `results/tokenizers/<digest>/`."""
    return digest(tokenizer_recipe(campaign))


def source_recipe(campaign: Campaign, name: str, tokenizer: dict[str, Any] | None = None) -> dict[str, Any]:
    """What decides a prepared source: its entry, the tokenizer, the row's form and length, the splits.

    Args:
        tokenizer: the campaign's `tokenizer_recipe`, where it is known already.
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
    """Names `results/sources/<source>/<digest>/`."""
    return digest(source_recipe(campaign, name))


def source_digests(campaign: Campaign, names: list[str] | None = None) -> dict[str, str]:
    """The same of several sources, of all when none are named; what they share is looked at once."""
    tokenizer = tokenizer_recipe(campaign)
    return {name: digest(source_recipe(campaign, name, tokenizer)) for name in names or campaign.sources}


def suite_digest(campaign: Campaign, name: str, split: str = "validation") -> str:
    """Eight digits in an evaluation's file name: tasks, few-shot, batch size, held-out data, split.

    Args:
        split: `validation` (campaigns) or `test` (benchmarks).
    """
    suite: Suite = campaign.evaluation[name]
    # consent and isolation decide whether there is a score, not which
    recipe: dict[str, Any] = {
        "suite": suite.model_dump(exclude={"runs_code", "trusts_code", "reads", "isolation", "cut_prompts"}),
        "split": split,
    }
    if isinstance(suite, Benchmarks):
        # evaluations of the time when 0 stood for what is left out keep their names, where the tasks' files say 0 as well
        recipe["suite"]["few_shot"] = suite.few_shot or 0
        if shots := shots_by_files(suite):
            recipe["shots"] = shots
        if suite.include_path is not None:
            hashes = Layout(Path(campaign.results)).hashes
            recipe["files"] = digest(folder_files(suite.include_path, hashes))
            if elsewhere := outside(suite, hashes):
                recipe["elsewhere"] = elsewhere
        if (version := answers_version(campaign, suite)) not in (None, 1):  # evaluations of the first keep their names
            recipe["answers"] = version
    else:
        recipe["sources"] = source_digests(campaign, suite.sources)
    return digest(recipe)[:8]
