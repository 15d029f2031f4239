"""The files that decide the scores of a suite: those in its folder, and those elsewhere on this machine that its tasks read.

The latter are included task files, the code beside them, and the tasks' data.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from admire.campaign import contents, task_files
from admire.campaign.schema.evaluation import Benchmarks
from admire.campaign.task_files import TaskFile

# Values of `dataset_path` that name a reader of the package `datasets` instead of a data set; `dataset_kwargs` name the files.
READERS = ("arrow", "csv", "json", "parquet", "text")


def folder_files(include_path: str, hashes: Path) -> dict[str, str]:
    """Relative path of each file within a suite's folder -> its sha256.

    Raises:
        ConfigError: if a file cannot be read.
    """
    folder = Path(include_path)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to(folder)): contents.file(path, hashes) for path in files}


def outside(suite: Benchmarks, hashes: Path) -> dict[str, str]:
    """Path, relative to the suite's folder, of each file outside it that its tasks read -> its sha256; without files of lm-eval.

    Raises:
        ConfigError: if a file cannot be read.
    """
    if suite.include_path is None:
        return {}
    folder = Path(suite.include_path).resolve()
    own = task_files.index(folder)
    known = (folder, task_files.shipped().resolve())
    found = {}
    for task in suite.tasks:
        for leaf in task_files.leaves(own, task) if task in own else ():
            for path in map(Path.resolve, _read_by(leaf)):
                if path.is_file() and not any(path.is_relative_to(place) for place in known):
                    found[os.path.relpath(path, folder)] = contents.file(path, hashes)
    return found


def _read_by(task: TaskFile) -> Iterator[Path]:
    """The files of a task, its code and its data. Some of them may not exist."""
    for path in task_files.with_includes(task.path) if task.path else ():
        yield path
        yield from task_files.code_beside(path)
    given = task.content.get("dataset_kwargs") or {}
    dataset, folder = str(task.content.get("dataset_path") or ""), given.get("data_dir")
    if dataset and dataset not in READERS and Path(dataset).is_dir():
        yield from Path(dataset).rglob("*")
    elif folder is not None and "data_files" not in given:
        yield from Path(folder).rglob("*")
    for pattern in _texts(given.get("data_files")):
        if "://" not in pattern:
            yield from map(Path, glob.glob(str(Path(folder or "", pattern)), recursive=True))


def _texts(value: Any) -> Iterator[str]:
    """The texts in a value that is a text, a list of such values, or a mapping to such values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _texts(part)
