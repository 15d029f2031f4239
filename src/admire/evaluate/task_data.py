"""Keeps the tasks of a folder from reading data outside the folder, after links are followed, except what the suite declares.

Otherwise a task file from somebody else could put any file of this machine into prompts.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path

from admire.campaign import task_files
from admire.campaign.schema.evaluation import Benchmarks
from admire.campaign.task_contents import READERS
from admire.campaign.task_files import TaskFile
from admire.data.hub_cache import is_hub_name
from admire.data.reading.inside_folder import check_headers, leads_out
from admire.errors import ConfigError, SourceError
from admire.evaluate.task_checks import data_files

FETCHED = ("http://", "https://", "hf://")
# With these arguments `datasets` could be made to read or write in other places than the folder.
ELSEWHERE = ("cache_dir", "download_config", "storage_options")


def check_data(suite: Benchmarks) -> None:
    """Refuse tasks whose data lie in files that the suite does not let them read.

    Raises:
        ConfigError: names the task, its file, the path that it names, where that leads, and the key that consents.
    """
    if suite.include_path is None or suite.trusts_code:
        return
    allowed = [Path(os.path.realpath(place)) for place in (suite.include_path, *suite.reads)]
    for task, leaf in _own_leaves(suite):
        where = f"tasks.{task}: {leaf.path or f'its member {leaf.name}'}"
        for key in ELSEWHERE:
            if key in (leaf.content.get("dataset_kwargs") or {}):
                raise ConfigError(
                    f"{where}: its dataset_kwargs say {key}; take that out, or say trusts_code: true in the suite"
                )
        for key, named, paths in _named(leaf, where):
            for path in paths:
                if (real := leads_out(Path(path), allowed)) is not None:
                    raise ConfigError(
                        f"{where}: its {key} names {named}, which leads out of {suite.include_path}, to {real}; put a copy there, "
                        f"or say reads: [{real}] in the suite if its prompts may hold that"
                    )
            if key == "dataset_path":
                _check_readme(Path(named), where)
            if key == "use_prompt":  # lm-eval reads it with a loader that knows Python's tags, which are refused here.
                task_files.read(Path(named))


def read_elsewhere(suite: Benchmarks) -> list[str]:
    """The files and folders outside the suite's folder that its tasks read as their data, with the suite's consent."""
    if suite.include_path is None:
        return []
    root, found = Path(os.path.realpath(suite.include_path)), []
    for task, leaf in _own_leaves(suite):
        for _, _, paths in _named(leaf, task, lenient=True):
            found += [path for path in paths if not Path(os.path.realpath(path)).is_relative_to(root)]
    return list(dict.fromkeys(found))


def _check_readme(folder: Path, where: str) -> None:
    """Refuse a dataset whose own README names files outside its folder."""
    try:
        check_headers(folder, "it")
    except SourceError as error:
        raise ConfigError(f"{where}: {str(error).partition(';')[0]}; correct it") from None


def _own_leaves(suite: Benchmarks) -> Iterator[tuple[str, TaskFile]]:
    """(name in the YAML, task) for the tasks of the suite that lm-eval does not ship."""
    files, shipped = task_files.places(suite), task_files.shipped().resolve()
    for task in suite.tasks:
        for leaf in task_files.leaves(files, task) if task in files else ():
            if leaf.path is None or not leaf.path.resolve().is_relative_to(shipped):
                yield task, leaf


def _named(leaf: TaskFile, where: str, lenient: bool = False) -> Iterator[tuple[str, str, list[str]]]:
    """(key, its value, the local paths that the value stands for) for each key with which a task names data.

    Args:
        lenient: whether addresses and readers that are not allowed are skipped instead of refused.
    """
    kwargs = leaf.content.get("dataset_kwargs") or {}
    dataset = str(leaf.content.get("dataset_path") or "")
    local = bool(dataset) and dataset not in READERS and (Path(dataset).exists() or not is_hub_name(dataset))
    folder = str(kwargs.get("data_dir") or "")
    if local:
        inner = [os.path.join(top, name) for top, below, names in os.walk(dataset) for name in (*below, *names)]
        yield "dataset_path", dataset, [dataset, *inner]
    elif dataset and dataset not in READERS and _is_packaged(dataset) and not lenient:
        raise ConfigError(f"{where}: dataset_path: {dataset} is none of {', '.join(READERS)}; take one of these")
    if folder and (local or dataset in READERS or Path(folder).is_absolute()):
        yield "data_dir", folder, [os.path.join(dataset if local else "", folder)]
    for pattern in (one for several in data_files(leaf).values() for one in several):
        if "://" in pattern or "::" in pattern:
            if not (pattern.startswith(FETCHED) and "::" not in pattern) and not lenient:
                raise ConfigError(
                    f"{where}: its data_files name {pattern[:200]!r}; name a file of the folder, or an address (https://, hf://)"
                )
            continue
        if local or dataset in READERS or Path(pattern).is_absolute():
            place = os.path.join(dataset if local else "", folder, pattern)
            yield "data_files", pattern, [str(Path(_literal(place) + "x").parent), *glob.glob(place, recursive=True)]
    prompt = str(leaf.content.get("use_prompt") or "").rpartition(":")[0]
    if ".yaml" in prompt:
        yield "use_prompt", prompt, [prompt]


def _literal(pattern: str) -> str:
    """The part of a pattern before its first wildcard."""
    return pattern[: min((pattern.find(sign) for sign in "*?[" if sign in pattern), default=len(pattern))]


def _is_packaged(name: str) -> bool:
    """Whether `datasets` has a reader of that name."""
    from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES

    return name in _PACKAGED_DATASETS_MODULES
