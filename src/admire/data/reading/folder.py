"""A dataset in a local folder: which of its files belong to the split that is asked for, as `datasets` finds them.

Files of JSON, Parquet and text are then read by the same readers as those that `files:` names; `datasets` reads all else.
"""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from admire.campaign.schema.sources import Source
from admire.data.hub_cache import is_hub_name
from admire.data.reading.asked import Asked, Row
from admire.data.reading.lines import read_json, read_lines
from admire.data.reading.names_once import check_names
from admire.data.reading.opened import kind_of
from admire.data.reading.parquet import read_parquet
from admire.data.reading.paths import is_file, is_folder
from admire.data.reading.patterns import check_file
from admire.data.reading.texts import read_text_lines
from admire.data.reading.within import HEADERS, check_headers, check_places
from admire.errors import SourceError

READERS = {
    ".jsonl": read_lines,
    ".ndjson": read_lines,
    ".json": read_json,
    ".parquet": read_parquet,
    ".txt": read_text_lines,
}
ORDINARY: dict[str, dict[str, Any]] = {  # what a folder's README may ask of `datasets` and our readers do not do
    "json": {"field": None, "encoding": "utf-8", "encoding_errors": None},
    "parquet": {"columns": None, "filters": None},
    "text": {
        "features": None,
        "encoding": "utf-8",
        "encoding_errors": None,
        "keep_linebreaks": False,
        "sample_by": "line",
    },
}
NAMED = 3  # files that are not read and named, beyond which they are only counted


@dataclass(frozen=True)
class Folder:
    """What a split of a dataset's folder is.

    Attributes:
        files: its files, in the order in which they are read.
        unread: files of data beside them that this split does not read.
        ordinary: our readers read it, rather than `datasets`.
        settings: where `datasets` reads it, what decides how it takes files apart.
    """

    files: list[Path]
    unread: list[Path]
    ordinary: bool
    settings: dict[str, Any]


def names_folder(dataset: str) -> bool:
    """Whether a dataset's name can only be a folder: names on the hub are `name` or `owner/name`."""
    return dataset.startswith((".", "/")) or not is_hub_name(dataset) or is_folder(dataset)


def find(source: Source, key: str) -> Folder:
    """The files of a source's split.

    Args:
        key: the source's place in the YAML, for messages.

    Raises:
        SourceError: if the folder is not there, is no dataset, or has no such subset or split, or if one of the files is empty or
            lies elsewhere.
    """
    root, visible = Path(str(source.dataset)), visible_files(str(source.dataset))
    if not visible:
        raise SourceError(
            f"{str(source.dataset)[:200]}: no such folder, or no files in it; correct {key}.dataset, "
            "paths are relative to where the command runs"
        )
    for mark in ("state.json", "dataset_dict.json"):
        if (root / mark).is_file():
            raise SourceError(
                f"{source.dataset}: the dataset cannot be loaded (it was saved by `save_to_disk`); write it as Parquet files, or "
                f"correct {key}.dataset"
            )
    deciding = visible + [root / name for name in HEADERS if name.startswith(".") and (root / name).is_file()]
    try:
        by_split, ordinary, settings = _resolved(str(root), source.subset, key, tuple(map(_signature, deciding)))
    except SourceError:
        raise
    except Exception as error:  # whatever a folder's README and names make of a library's insides
        raise cannot_be_loaded(source, key, error) from None
    if source.split not in by_split:
        raise cannot_be_loaded(source, key, f"there is no split '{source.split}', only {', '.join(by_split) or 'none'}")
    real = root.resolve()
    files = [root / path.relative_to(real) if path.is_relative_to(real) else path for path in by_split[source.split]]
    check_places(files, root, key)
    ordinary &= all(kind_of(path) is not None for path in files)
    for path in files if ordinary else ():
        check_file(path, f"{key}.dataset")
    taken = set(files)
    unread = [path for path in visible if path not in taken and _is_data(path)]
    return Folder(files, unread, ordinary, settings)


@functools.lru_cache(maxsize=64)
def _resolved(
    root: str, subset: str | None, key: str, _: tuple[tuple[Path, int, int], ...]
) -> tuple[dict[str, tuple[Path, ...]], bool, dict[str, Any]]:
    """Split -> its files, whether our readers read them as `datasets` would, and how that does; kept as long as the files are
    the same."""
    check_headers(Path(root), key)
    import datasets

    with tempfile.TemporaryDirectory() as cache:  # it locks one, and a home folder may be closed
        builder = datasets.load_dataset_builder(_not_a_format(root), subset, cache_dir=cache)
    module = type(builder).__module__.rpartition(".")[2]
    options = ORDINARY.get(module)
    ordinary = options is not None and all(
        getattr(builder.config, name, None) == value for name, value in options.items()
    )
    found: dict[Any, Any] = builder.config.data_files or {}
    settings: dict[str, Any] = getattr(
        builder.config, "pd_read_csv_kwargs", {"encoding": getattr(builder.config, "encoding", None)}
    )
    return {str(split): tuple(map(Path, files)) for split, files in found.items()}, ordinary, settings


def _not_a_format(root: str) -> str:
    """A folder as `datasets` takes it for one, even where it is called `json` or `text`."""
    return str(Path(root).absolute())


def _signature(path: Path) -> tuple[Path, int, int]:
    stat = path.stat()
    return path, stat.st_size, stat.st_mtime_ns


def unread_note(source: Source, found: Folder, key: str) -> str | None:
    """A sentence on the files of data that a source does not read; None where it reads all of them."""
    if not found.unread:
        return None
    names = ", ".join(path.name for path in found.unread[:NAMED])
    more = f" and {len(found.unread) - NAMED:,} more" if len(found.unread) > NAMED else ""
    return (
        f"{key}.dataset: of {source.dataset} the split '{source.split}' reads {len(found.files):,} of "
        f"{len(found.files) + len(found.unread):,} data files, not {names}{more}"
    )


def read_folder(found: Folder, asked: Asked) -> Generator[Row, None, None]:
    """The rows of a split."""
    if note := unread_note(asked.source, found, asked.key):
        asked.notes.append(note)
    if not found.ordinary:
        check_names(found.files, found.settings, asked)
        yield from _streamed(asked)
        return
    for path in found.files:
        yield from READERS[str(kind_of(path))](path, asked)


def cannot_be_loaded(source: Source, key: str, error: Exception | str) -> SourceError:
    """What is said of a dataset that `datasets` does not open."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return SourceError(
        f"{str(source.dataset)[:200]}: the dataset cannot be loaded ({reason}); correct {key}.dataset, subset, split or "
        "revision, or fetch it once where there is a network"
    )


def visible_files(dataset: str) -> list[Path]:
    """Every file of a folder that is not hidden, sorted; none where there is no folder."""
    found: list[Path] = []
    for folder, folders, names in os.walk(dataset) if is_folder(dataset) else ():
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(folder, name) for name in names if not name.startswith(".")]
    return sorted(path for path in found if is_file(path))


def _is_data(path: Path) -> bool:
    return kind_of(path) is not None or path.suffix.lower() in (".csv", ".tsv", ".arrow", ".zip", ".tar")


def _streamed(asked: Asked) -> Iterator[Row]:
    """Rows as `datasets` reads them, without a second copy in its cache."""
    with tempfile.TemporaryDirectory() as cache:
        yield from _streamed_by_way_of(cache, asked)


def _streamed_by_way_of(cache: str, asked: Asked) -> Iterator[Row]:
    """The same; `cache` is where `datasets` has its locks."""
    import datasets

    source = asked.source
    root, number = _not_a_format(str(source.dataset)), 0
    try:
        rows = datasets.load_dataset(root, source.subset, split=source.split, streaming=True, cache_dir=cache)
        if rows.column_names is not None:
            columns = asked.of(rows.column_names)
            if source.column not in columns:
                raise asked.no_column(source.column, str(source.dataset))
            rows = rows.select_columns(columns)
        for number, row in enumerate(rows, 1):
            asked.columns.update(dict.fromkeys(row))
            yield Row(row, f"{source.dataset}, row {number}", filled=True)
    except SourceError:
        raise
    except Exception as error:  # any of several libraries, each with errors of its own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
        raise SourceError(
            f"{source.dataset}: the dataset cannot be read beyond row {number} ({reason}); mend its files, or convert them to "
            f"Parquet and name them in {asked.key}.files"
        ) from None
