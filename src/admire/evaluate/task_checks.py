"""What a task's file says that can never be scored, whatever the model: refused before anything is trained."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from admire.campaign.task_contents import READERS
from admire.campaign.task_files import TaskFile
from admire.errors import ConfigError

ANSWER = 256  # tokens that lm-eval lets an answer have where a file says nothing
LENGTHS = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")  # the first that is there counts


def check_file(task: str, leaf: TaskFile) -> None:
    """Refuse a task without items, with data that are not there, or with answers that end before they begin.

    Args:
        task: the name in the YAML that stands for it.

    Raises:
        ConfigError: names the task, and its member where it is a group.
    """
    content = leaf.content
    if "class" in content:  # only its code knows
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
    """Refuse a filter that a task has not: a metric is known by its filter, `none` where a file lists none.

    Raises:
        ConfigError: with those that there are.
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
    """Tokens that a written answer may have; None for a task whose answers are chosen."""
    if "class" in leaf.content or leaf.content.get("output_type", "generate_until") != "generate_until":
        return None
    told = leaf.content.get("generation_kwargs") or {}
    return next((int(told[key]) for key in LENGTHS if told.get(key) is not None), ANSWER)


def shown_from(leaf: TaskFile) -> str | None:
    """The split that examples are drawn from, in lm-eval's order; None where the file lists the examples itself."""
    content = leaf.content
    told = content.get("fewshot_config") or {}
    if told.get("split"):
        return told["split"]
    if content.get("fewshot_split") is None and told.get("samples") is not None:
        return None
    splits = ("fewshot_split", "training_split", "validation_split", "test_split")
    return next((content[key] for key in splits if content.get(key)), None)


def shows_its_own_items(leaf: TaskFile) -> bool:
    """Whether an item can be among the examples in its own prompt: lm-eval leaves it out only where the file says that both come
    from the test split."""
    content = leaf.content
    scored, named = content.get("test_split") or content.get("validation_split"), content.get("fewshot_split")
    return "class" not in content and shown_from(leaf) == scored and not (named and named == content.get("test_split"))


def data_files(leaf: TaskFile) -> dict[str, list[str]]:
    """Split -> the files that hold it, as `datasets` takes them; empty where the file names none."""
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
