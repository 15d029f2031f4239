"""Datasets of the hub in this machine's cache: which commits are there, and which one a source reads.

`datasets` itself looks for no revision when it is offline: it takes the newest that it prepared, of whatever commit.
"""

from __future__ import annotations

import glob
import os
from pathlib import Path
from typing import TYPE_CHECKING

from admire.campaign.schema.sources import Source
from admire.data.reading.paths import is_file
from admire.errors import SourceError

if TYPE_CHECKING:
    from datasets import Dataset

SHORTEST = 7  # digits of a commit that may stand for the whole of it


def is_hub_name(name: str) -> bool:
    """Whether the hub could have something of that name, as `huggingface_hub` rules it: `name` or `owner/name`."""
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError:
        return False
    return True


def prepared(dataset: str, subset: str | None, revision: str | None = None) -> Path | None:
    """The folder of Arrow files that `datasets` made of a dataset on the hub, named by its commit; None when there is none.

    Args:
        subset: a configuration's name; any when left out.
        revision: a commit, or a branch or tag that was fetched by that name. Left out: what `main` was when it was last fetched,
            and where that is not known the newest, as `datasets` takes it.
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
    """The commits that are there, the newest last."""
    return list(dict.fromkeys(folder.name for folder in _folders(dataset, subset)))


def load(key: str, source: Source) -> Dataset:
    """The rows of a source from the cache, those of its revision.

    Args:
        key: the source's place in the YAML, for messages.

    Raises:
        SourceError: if the dataset, its revision or its configuration is not there.
        ValueError: if it has no such split.
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
    """The folder that a source on the hub reads; None when nothing of its dataset is there.

    Raises:
        SourceError: if the dataset is there, but not the revision that is asked for.
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
    """Refuse a source whose dataset has moved on in the cache since it was prepared.

    Args:
        card: that of the prepared source.

    Raises:
        SourceError: names both commits.
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
    """What `datasets` has prepared, the newest last: `<owner>___<name>/<configuration>/<version>/<commit>`."""
    from datasets import config
    from datasets.naming import camelcase_to_snakecase

    owner, _, name = dataset.rpartition("/")
    snake = camelcase_to_snakecase(name)
    root = Path(config.HF_DATASETS_CACHE, f"{owner}___{snake}" if owner else snake)
    wanted = glob.escape(subset) if subset else "*"
    found = [path.parent for path in root.glob(f"{wanted}/*/*/dataset_info.json")]
    return sorted((path for path in found if path.suffix != ".incomplete"), key=lambda path: path.stat().st_mtime)


def _commit_of(dataset: str, name: str) -> str | None:
    """The commit that a branch or tag had when the hub was last asked; None when it never was."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    refs = Path(constants.HF_HUB_CACHE, repo_folder_name(repo_id=dataset, repo_type="dataset"), "refs")
    ref = refs / name
    if not Path(os.path.normpath(ref)).is_relative_to(refs) or not is_file(ref):
        return None  # a revision is a text of the user's, and no path
    return ref.read_text(encoding="utf-8").strip()
