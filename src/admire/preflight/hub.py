"""Are the models, tokenizers, datasets and task data that a campaign needs from the hub on this machine?

Nothing is downloaded during a run, so all of it must be in the caches of huggingface_hub and datasets before a GPU is requested.
`admire.preflight.prefetch` downloads it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from admire.campaign import task_files
from admire.campaign.recipes import base_campaign
from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.evaluation import Benchmarks
from admire.campaign.schema.sources import Source
from admire.campaign.task_contents import READERS
from admire.data.hub_cache import commits, is_hub_name, prepared
from admire.errors import ConfigError


@dataclass(frozen=True)
class Needs:
    """Names on the hub, each once, in the order of the YAML.

    Attributes:
        models: names of model weights, which come with their tokenizers.
        tokenizers: names of tokenizers without model weights.
        datasets: one source per dataset, configuration, split and revision.
        tasks: task or group -> (dataset, its configuration) of the items.
        packages: Python modules that tasks import and that this environment lacks.
    """

    models: tuple[str, ...]
    tokenizers: tuple[str, ...]
    datasets: tuple[Source, ...]
    tasks: dict[str, set[tuple[str, str | None]]]
    packages: tuple[str, ...]


def on_hub(name: str) -> bool:
    """Whether a name has the form `name` or `owner/name` of names on the hub and is no existing path."""
    return is_hub_name(name) and not Path(name).exists()


def needs(campaign: Campaign) -> Needs:
    """What a campaign and its base campaigns need from the hub."""
    family = [campaign, *filter(None, map(base_campaign, campaign.models))]
    models = [model.path for one in family for model in one.models if model.path is not None]
    tokenizers = [one.tokenizer.path for one in family if one.tokenizer.path is not None]
    datasets = [
        source for one in family for source in one.sources.values() if source.dataset and on_hub(source.dataset)
    ]
    by_place = {(source.dataset, source.subset, source.split, source.revision): source for source in datasets}
    tasks, packages = _of_tasks(campaign)
    return Needs(
        models=tuple(dict.fromkeys(filter(on_hub, models))),
        tokenizers=tuple(name for name in dict.fromkeys(filter(on_hub, tokenizers)) if name not in models),
        datasets=tuple(by_place.values()),
        tasks=tasks,
        packages=packages,
    )


def missing(wanted: Needs) -> list[str]:
    """One phrase per kind of which something is not on this machine, with the names; empty if nothing is missing."""
    models = [name for name in wanted.models if not (_has_weights(name) and _has_tokenizer(name))]
    tokenizers = [name for name in wanted.tokenizers if not _has_tokenizer(name)]
    datasets = [
        _at_revision(source)
        for source in wanted.datasets
        if source.dataset is not None and prepared(source.dataset, source.subset, source.revision) is None
    ]
    tasks = [
        task
        for task, places in wanted.tasks.items()
        if any(prepared(dataset, subset) is None for dataset, subset in places)
    ]
    kinds = {"models": models, "tokenizers": tokenizers, "datasets": datasets, "data of the tasks": tasks}
    return [f"{kind} {', '.join(dict.fromkeys(names))}" for kind, names in kinds.items() if names]


def to_install(wanted: Needs) -> str | None:
    """A phrase with the Python modules to install for the tasks' code; None if none is missing."""
    if not wanted.packages:
        return None
    names = ", ".join(wanted.packages)
    return f"install the Python modules {names}, which tasks import (pip install 'lm_eval[math,ifeval]' has most)"


def check_fetched(campaign: Campaign, origin: str) -> None:
    """Refuse to start a run while something that must be downloaded is missing.

    Raises:
        ConfigError: one sentence that names everything missing and the command that downloads it.
    """
    if sentence := still_to_fetch(campaign, origin):
        raise ConfigError(sentence)


def still_to_fetch(campaign: Campaign, origin: str) -> str | None:
    """One sentence that names everything missing and the command that downloads it; None if nothing is missing."""
    wanted = needs(campaign)
    phrases, install = missing(wanted), to_install(wanted)
    files = origin.replace(" + ", " ")
    run = f"run `snakemake --cores 1 prefetch --configfile {files}` where there is a network"
    if phrases:
        return f"{origin}: not on this machine yet: {'; '.join(phrases)}; {f'{install}, and {run}' if install else run}"
    return f"{origin}: {install}" if install else None


def model_file(path: str, name: str) -> Path | None:
    """The path of a model's or tokenizer's file, in its local folder or in the hub's cache; None if there is no such file.

    Args:
        path: the local folder or the name on the hub.
        name: the file's name in it.
    """
    if not on_hub(path):
        found = Path(path, name)
        return found if found.is_file() else None
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(path, name)
    return Path(cached) if isinstance(cached, str) else None


def _at_revision(source: Source) -> str:
    """A dataset with its requested revision, and with the commits that are on this machine instead."""
    if source.revision is None:
        return str(source.dataset)
    here = commits(str(source.dataset), source.subset)
    instead = f" (here at {', '.join(here)})" if here else ""
    return f"{source.dataset} at revision {source.revision}{instead}"


def _has_weights(name: str) -> bool:
    if model_file(name, "config.json") is None:
        return False
    index = model_file(name, "model.safetensors.index.json")
    if index is None:
        return model_file(name, "model.safetensors") is not None
    shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    return all(model_file(name, shard) is not None for shard in shards)


def _has_tokenizer(name: str) -> bool:
    return model_file(name, "tokenizer.json") is not None or model_file(name, "vocab.json") is not None


def _of_tasks(campaign: Campaign) -> tuple[dict[str, set[tuple[str, str | None]]], tuple[str, ...]]:
    """The `tasks` and the `packages` of `Needs`."""
    found: dict[str, set[tuple[str, str | None]]] = {}
    packages: list[str] = []
    for suite in campaign.evaluation.values():
        if not isinstance(suite, Benchmarks):
            continue
        places = task_files.places(suite)
        for asked in suite.tasks if places else ():
            for leaf in task_files.leaves(places, asked):
                dataset = leaf.content.get("dataset_path")
                if dataset and dataset not in READERS and on_hub(dataset):
                    found.setdefault(asked, set()).add((dataset, leaf.content.get("dataset_name")))
                packages += task_files.missing_modules(leaf.path) if leaf.path else []
    return found, tuple(dict.fromkeys(packages))
