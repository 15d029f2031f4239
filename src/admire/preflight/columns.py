"""Does a dataset that is on this machine have the columns and values that its source names?

The check reads Parquet files of local folders and the Arrow files into which `datasets` converted a dataset of the hub, and of
these only the columns of `where`, so no texts. Other formats are first read when the source is prepared, which needs no GPU either.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from admire.campaign.schema.sources import Source
from admire.data.documents import local_files
from admire.data.hub_cache import prepared
from admire.data.reading.cells import matches, spelled
from admire.data.reading.folder import names_folder
from admire.errors import SourceError

if TYPE_CHECKING:
    import pyarrow as pa

File = tuple[Path, tuple[str, ...], int]  # A file, the names of its columns, and its number of rows.
MOST_ROWS = 5_000_000  # Reading the values of a larger dataset would take too long, so only its columns are checked.


def check_columns(name: str, source: Source) -> None:
    """Refuse a column that the dataset does not have, and a value in `where` that no row has.

    Args:
        name: the source's name, for messages.

    Raises:
        SourceError: names the key and the most similar column or value.
    """
    if source.dataset is None:
        return
    if names_folder(source.dataset):
        paths = tuple(local_files(name, source))
    else:
        folder = prepared(source.dataset, source.subset, source.revision)
        paths = tuple(sorted(folder.glob("*.arrow"))) if folder else ()
    files = _files(paths)
    columns = list(dict.fromkeys(column for _, names, _ in files for column in names))
    if not columns:
        return
    wanted = [
        ("column", source.column, source.column),
        *(("where", one, one.partition(".")[0]) for one in source.where),
    ]
    for key, column, top in wanted:
        if column not in columns and top not in columns:
            near = difflib.get_close_matches(column, columns, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(columns)}"
            raise SourceError(f"sources.{name}.{key}: {source.dataset} has no column '{column}'; {hint}")
    for column, value in source.where.items():
        values = _values(files, column)
        if values is not None and not any(matches(one, value) for one in values.values()):
            near = difflib.get_close_matches(value, values, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else "correct the value, or leave `where` out"
            raise SourceError(f"sources.{name}.where: no row of {source.dataset} has {column}: {value}; {hint}")


@functools.cache
def _values(files: tuple[File, ...], column: str) -> dict[str, Any] | None:
    """Spelling -> value of a column (a dot leads into mappings); None if the files have too many rows or cannot be read so."""
    import pyarrow as pa
    import pyarrow.compute as pc

    found: dict[str, Any] = {}
    if not files or sum(rows for _, _, rows in files) > MOST_ROWS:
        return None
    for path, names, _ in files:
        top, *inner = [column] if column in names else column.split(".")
        if top not in names:
            found.setdefault("null", None)
            continue
        try:
            for chunk in _chunks(path, top):
                cells = pc.struct_field(chunk, inner) if inner else chunk
                found.update((spelled(value), value) for value in pc.unique(cells).to_pylist())
        except (pa.ArrowException, OSError, KeyError, ValueError, OverflowError):
            # The column holds values that cannot be compared, or the file is damaged; the preparation of the source says so.
            return None
    return found


@functools.cache
def _files(paths: tuple[Path, ...]) -> tuple[File, ...]:
    """Files with their columns and numbers of rows; empty if a format has no header that tells these."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    found = []
    for path in paths:
        try:
            if path.suffix == ".parquet":
                meta = pq.ParquetFile(path)
                found.append((path, tuple(meta.schema_arrow.names), meta.metadata.num_rows))
            elif path.suffix == ".arrow":
                with pa.memory_map(str(path)) as stream, pa.ipc.open_stream(stream) as reader:
                    found.append((path, tuple(reader.schema.names), sum(batch.num_rows for batch in reader)))
            else:
                return ()
        except (pa.ArrowException, OSError):
            continue  # The file is damaged; the preparation of the source reports it.
    return tuple(found)


def _chunks(path: Path, column: str) -> Iterator[pa.Array]:
    """One column of a file, batch by batch."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix == ".parquet":
        yield from (batch.column(0) for batch in pq.ParquetFile(path).iter_batches(columns=[column]))
        return
    with pa.memory_map(str(path)) as stream, pa.ipc.open_stream(stream) as reader:
        yield from (batch.column(column) for batch in reader)
