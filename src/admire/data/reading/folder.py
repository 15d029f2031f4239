"""A dataset in a local folder. The library `datasets` decides which of the files belong to the requested split.

JSON, Parquet and text files are then read by the same readers as the files in `files:`; `datasets` reads all other formats.
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
from admire.data.reading.formats import READERS_IN_FOLDER, kind_of
from admire.data.reading.inside_folder import HEADERS, check_headers, check_places
from admire.data.reading.path_checks import is_file, is_folder
from admire.data.reading.patterns import check_file
from admire.data.reading.repeated_names import check_names
from admire.data.reading.request import Row, SourceRequest
from admire.errors import SourceError

# A folder's README can set these options of `datasets`. Our readers only support the values given here.
ORDINARY: dict[str, dict[str, Any]] = {
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
NAMED = 3  # Of the files that are not read, the note names so many and counts the others.


@dataclass(frozen=True)
class Folder:
    """One split of a dataset in a folder.

    Attributes:
        files: the split's files, in the order in which they are read.
        unread: the other data files in the folder.
        ordinary: whether our readers can read the files; otherwise `datasets` does.
        settings: the settings with which `datasets` parses the files, such as encoding and separator.
    """

    files: list[Path]
    unread: list[Path]
    ordinary: bool
    settings: dict[str, Any]


def names_folder(dataset: str) -> bool:
    """Whether a dataset's name means a local folder: it begins like a path, the hub cannot have it, or there is such a folder."""
    return dataset.startswith((".", "/")) or not is_hub_name(dataset) or is_folder(dataset)


def find(source: Source, key: str) -> Folder:
    """The files of a source's split.

    Args:
        key: the source's place in the YAML, for messages.

    Raises:
        SourceError: if the folder is missing, is not a dataset, or has no such subset or split, or if one of the files is empty or
            lies outside of the folder.
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
    except Exception as error:  # An odd README or odd file names can cause any error inside the library.
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
    """Split -> its files; whether our readers read these as `datasets` would; and the settings with which `datasets` parses them.
    The last argument has the names, sizes and times of all files: a change of one makes the cached result invalid."""
    check_headers(Path(root), key)
    import datasets

    with tempfile.TemporaryDirectory() as cache:  # The library locks its cache, and the home folder may be read-only.
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
    """The folder as an absolute path: `datasets` takes the relative names `json` and `text` for its own formats."""
    return str(Path(root).absolute())


def _signature(path: Path) -> tuple[Path, int, int]:
    stat = path.stat()
    return path, stat.st_size, stat.st_mtime_ns


def unread_note(source: Source, found: Folder, key: str) -> str | None:
    """A sentence about the data files that a source does not read; None if it reads all of them."""
    if not found.unread:
        return None
    names = ", ".join(path.name for path in found.unread[:NAMED])
    more = f" and {len(found.unread) - NAMED:,} more" if len(found.unread) > NAMED else ""
    return (
        f"{key}.dataset: of {source.dataset} the split '{source.split}' reads {len(found.files):,} of "
        f"{len(found.files) + len(found.unread):,} data files, not {names}{more}"
    )


def read_folder(found: Folder, request: SourceRequest) -> Generator[Row, None, None]:
    """The rows of a split."""
    if note := unread_note(request.source, found, request.key):
        request.notes.append(note)
    if not found.ordinary:
        check_names(found.files, found.settings, request)
        yield from _streamed(request)
        return
    for path in found.files:
        yield from READERS_IN_FOLDER[str(kind_of(path))](path, request)


def cannot_be_loaded(source: Source, key: str, error: Exception | str) -> SourceError:
    """The error for a dataset that `datasets` cannot open."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return SourceError(
        f"{str(source.dataset)[:200]}: the dataset cannot be loaded ({reason}); correct {key}.dataset, subset, split or "
        "revision, or fetch it once where there is a network"
    )


def visible_files(dataset: str) -> list[Path]:
    """All files in a folder and its subfolders that are not hidden, sorted; empty if there is no such folder."""
    found: list[Path] = []
    for folder, folders, names in os.walk(dataset) if is_folder(dataset) else ():
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(folder, name) for name in names if not name.startswith(".")]
    return sorted(path for path in found if is_file(path))


def _is_data(path: Path) -> bool:
    return kind_of(path) is not None or path.suffix.lower() in (".csv", ".tsv", ".arrow", ".zip", ".tar")


def _streamed(request: SourceRequest) -> Iterator[Row]:
    """Rows as `datasets` reads them. They are streamed, so that it makes no copy of the data in its cache."""
    with tempfile.TemporaryDirectory() as cache:
        yield from _streamed_by_way_of(cache, request)


def _streamed_by_way_of(cache: str, request: SourceRequest) -> Iterator[Row]:
    """As `_streamed`, with the folder `cache` for the locks of `datasets`."""
    import datasets

    source = request.source
    root, number = _not_a_format(str(source.dataset)), 0
    try:
        rows = datasets.load_dataset(root, source.subset, split=source.split, streaming=True, cache_dir=cache)
        if rows.column_names is not None:
            columns = request.needed_columns(rows.column_names)
            if source.column not in columns:
                raise request.no_column(source.column, str(source.dataset))
            rows = rows.select_columns(columns)
        for number, row in enumerate(rows, 1):
            request.columns.update(dict.fromkeys(row))
            yield Row(row, f"{source.dataset}, row {number}", filled=True)
    except SourceError:
        raise
    except Exception as error:  # Any of several libraries may have read the file, and each has errors of its own.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
        raise SourceError(
            f"{source.dataset}: the dataset cannot be read beyond row {number} ({reason}); correct its files, or convert them to "
            f"Parquet and name them in {request.key}.files"
        ) from None
