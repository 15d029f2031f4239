"""Datasets of the hub in this machine's cache: finds which commits are there, and which one a source reads.

This is needed because `datasets` ignores the revision when it is offline and takes the commit that it prepared last.
"""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import TYPE_CHECKING

from admire.campaign.schema.sources import Source
from admire.data.reading.path_checks import is_file
from admire.errors import SourceError

if TYPE_CHECKING:
    from datasets import Dataset

SHORTEST = 7  # A commit may be abbreviated to so many hexadecimal digits, as git does it.


def is_hub_name(name: str) -> bool:
    """Whether `huggingface_hub` accepts a name as that of a repository: `name` or `owner/name`."""
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return True


def prepared(dataset: str, subset: str | None, revision: str | None = None) -> Path | None:
    """The folder of Arrow files that `datasets` made from a dataset on the hub, named by its commit; None if there is none.

    Args:
        subset: a configuration's name; None for any.
        revision: a commit, or a branch or tag that was fetched by that name. None for the commit that `main` had when it was last
            fetched, or, if that is not known, for the one that was prepared last, which `datasets` takes too.
    """
    found = _folders(dataset, subset)
    if revision is None:
        found = [folder for folder in found if folder.name == _commit_of(dataset, "main")] or found
    else:
        commit = _commit_of(dataset, revision) or revision
        short = len(commit) >= SHORTEST
        found = [folder for folder in found if folder.name == commit or (short and folder.name.startswith(commit))]
    usual = [folder for folder in found if subset is None and folder.parts[-3] == "default"]
    best = usual or found
    return best[-1] if best else None


def commits(dataset: str, subset: str | None) -> list[str]:
    """The commits in the cache, that which was prepared last at the end."""
    return list(dict.fromkeys(folder.name for folder in _folders(dataset, subset)))


def load(key: str, source: Source) -> Dataset:
    """The rows of a source at its revision, from the cache.

    Args:
        key: the source's place in the YAML, for messages.

    Raises:
        SourceError: if the dataset, its revision or its configuration is not in the cache.
        ValueError: if the dataset has no such split.
    """
    from datasets.packaged_modules.cache.cache import Cache

    assert source.dataset is not None
    folder = find(key, source)
    if folder is None:
        raise SourceError(
            f"{source.dataset}: the dataset is not on this machine; correct {key}.dataset or subset, or fetch it once where there "
            "is a network (`snakemake --cores 1 prefetch`)"
        )
    beside = sorted({one.parts[-3] for one in _folders(source.dataset, None) if one.name == folder.name})
    if source.subset is None and len(beside) > 1 and "default" not in beside:
        raise SourceError(
            f"{source.dataset}: it has several configurations; set {key}.subset to one of {', '.join(beside)}"
        )
    config, version, commit = folder.parts[-3:]
    name = source.dataset.rpartition("/")[2]
    builder = Cache(repo_id=source.dataset, dataset_name=name, config_name=config, version=version, hash=commit)
    return builder.as_dataset(split=source.split)


def find(key: str, source: Source) -> Path | None:
    """The folder that a source on the hub reads; None if no commit of its dataset is in the cache.

    Raises:
        SourceError: if the dataset is in the cache, but not at the source's revision.
    """
    assert source.dataset is not None
    folder = prepared(source.dataset, source.subset, source.revision)
    others = commits(source.dataset, source.subset)
    if folder is None and others:
        raise SourceError(
            f"{key}.revision: {source.dataset} is not on this machine at {source.revision}, but at {', '.join(others)}; set the "
            "revision to one that is, or fetch it where there is a network (`snakemake --cores 1 prefetch`)"
        )
    return folder


def check_commit(key: str, source: Source, card: dict[str, str]) -> None:
    """Refuse a source if the cache now has another commit of its dataset than that from which the source was prepared.

    Args:
        card: the card of the prepared source.

    Raises:
        SourceError: if the commits differ; the message has both.
    """
    commit = card.get("commit")
    if commit is None or source.dataset is None or (source.revision or "").startswith(commit):
        return
    folder = prepared(source.dataset, source.subset, source.revision)
    if folder is not None and folder.name != commit:
        raise SourceError(
            f"{key}.dataset: {source.dataset} was prepared at commit {commit}, and on this machine it is now at {folder.name}; set "
            f"{key}.revision to {commit} to keep to the old rows, or to {folder.name} under a new campaign name"
        )


def _folders(dataset: str, subset: str | None) -> list[Path]:
    """The folders `<owner>___<name>/<configuration>/<version>/<commit>` that `datasets` has prepared, sorted by time."""
    from datasets import config
    from datasets.naming import camelcase_to_snakecase

    owner, _, name = dataset.rpartition("/")
    snake = camelcase_to_snakecase(name)
    root = Path(config.HF_DATASETS_CACHE, f"{owner}___{snake}" if owner else snake)
    wanted = glob.escape(subset) if subset else "*"
    found = [path.parent for path in root.glob(f"{wanted}/*/*/dataset_info.json")]
    return sorted((path for path in found if path.suffix != ".incomplete"), key=lambda path: path.stat().st_mtime)


def _commit_of(dataset: str, name: str) -> str | None:
    """The commit that a branch or tag had when it was last fetched from the hub; None if it never was."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    refs = Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=dataset, repo_type="dataset"), "refs")
    ref = refs / name
    if not Path(os.path.normpath(ref)).is_relative_to(refs) or not is_file(ref):
        return None  # The user may write anything as a revision, which must not lead to files elsewhere.
    return ref.read_text(encoding="utf-8").strip()
