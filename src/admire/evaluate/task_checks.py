"""Refuses task files that cannot be scored with any model, before anything is trained."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from admire.campaign.task_contents import READERS
from admire.campaign.task_files import TaskFile
from admire.errors import ConfigError

DEFAULT_ANSWER = 256  # lm-eval lets an answer have so many tokens if the task's file does not say.
LENGTHS = (
    "max_gen_toks",
    "max_new_tokens",
    "max_tokens",
    "max_completion_tokens",
)  # lm-eval takes the first that is set.


def check_file(task: str, leaf: TaskFile) -> None:
    """Refuse a task without items, with missing data files, or with answers that end before they begin.

    Args:
        task: the task's name in the YAML, which may be the name of its group.

    Raises:
        ConfigError: names the task and, of a group, the member.
    """
    content = leaf.content
    if "class" in content:  # The code of the class decides all this.
        return
    place = f"tasks.{task}" if leaf.name == task else f"tasks.{task}: its member {leaf.name}"
    if not (content.get("test_split") or content.get("validation_split")):
        raise ConfigError(f"{place}: its file names neither test_split nor validation_split, so it has no items")
    if "" in _as_list((content.get("generation_kwargs") or {}).get("until")):
        raise ConfigError(f"{place}: an empty string among `until` ends every answer before it begins; take it out")
    if content.get("dataset_path") in READERS:
        files, folder = data_files(leaf), str((content.get("dataset_kwargs") or {}).get("data_dir") or "")
        for split in filter(None, (content.get("test_split") or content.get("validation_split"), shown_from(leaf))):
            if files and split not in files:
                raise ConfigError(f"{place}: its data_files have no split {split}; they have {', '.join(files)}")
        for path in (path for paths in files.values() for path in paths):
            if "://" not in path and not glob.glob(str(Path(folder, path)), recursive=True):
                raise ConfigError(f"{place}: its data_files name {path}, and there is no such file")
    elif str(content.get("dataset_path")).startswith((".", "/", "~")) and not Path(content["dataset_path"]).is_dir():
        raise ConfigError(f"{place}: its dataset_path is {content['dataset_path']}, and there is no such folder")


def check_filter(task: str, leaves: list[TaskFile], metric: str) -> None:
    """Refuse a metric with a filter that a task does not have; a task without filters has the filter `none`.

    Raises:
        ConfigError: names the filters that the task has.
    """
    name, _, asked = metric.partition(",")
    for leaf in leaves:
        listed = leaf.content.get("filter_list")
        if "class" in leaf.content or (listed is not None and not isinstance(listed, list)):
            continue
        known = [str(entry["name"]) for entry in listed or [{"name": "none"}]]
        if (asked or "none") not in known:
            member = "" if leaf.name == task else f" (its member {leaf.name})"
            raise ConfigError(
                f"tasks.{task}: it has no metric '{metric}'{member}; it has {', '.join(f'{name},{one}' for one in known)}"
            )


def answer_tokens(leaf: TaskFile) -> int | None:
    """How many tokens a generated answer may have; None for a task without generated answers, such as multiple choice."""
    if "class" in leaf.content or leaf.content.get("output_type", "generate_until") != "generate_until":
        return None
    settings = leaf.content.get("generation_kwargs") or {}
    return next((int(settings[key]) for key in LENGTHS if settings.get(key) is not None), DEFAULT_ANSWER)


def shown_from(leaf: TaskFile) -> str | None:
    """The split that few-shot examples are drawn from, in lm-eval's order of keys; None if the file lists the examples itself."""
    content = leaf.content
    config = content.get("fewshot_config") or {}
    if config.get("split"):
        return config["split"]
    if content.get("fewshot_split") is None and config.get("samples") is not None:
        return None
    splits = ("fewshot_split", "training_split", "validation_split", "test_split")
    return next((content[key] for key in splits if content.get(key)), None)


def shows_its_own_items(leaf: TaskFile) -> bool:
    """Whether an item can be among the examples in its own prompt.

    lm-eval leaves it out only if the file names the test split as `fewshot_split`.
    """
    content = leaf.content
    scored, named = content.get("test_split") or content.get("validation_split"), content.get("fewshot_split")
    return "class" not in content and shown_from(leaf) == scored and not (named and named == content.get("test_split"))


def data_files(leaf: TaskFile) -> dict[str, list[str]]:
    """Split -> its files, as `datasets` reads `data_files`; empty if the task's file names none."""
    found = (leaf.content.get("dataset_kwargs") or {}).get("data_files")
    if found is None:
        return {}
    return {
        str(split): list(_as_list(paths))
        for split, paths in (found if isinstance(found, dict) else {"train": found}).items()
    }


def _as_list(value: Any) -> Iterator[str]:
    if value is not None:
        yield from map(str, value if isinstance(value, list) else [value])
