"""Does a dataset that is on this machine have the columns and values that its source asks for?

Looked at are Parquet files of a local folder, and what `datasets` has prepared of a dataset on the hub: only the columns that are
asked about, without a row of text. Other files are read when the source is prepared, which needs no GPU either.
"""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from admire.campaign.config import Source
from admire.data.hub_cache import prepared
from admire.errors import SourceError
from admire.preflight.hub import on_hub

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ROWS = 5_000_000  # of a dataset whose values are looked at; of larger ones only the columns


def check_columns(name: str, source: Source) -> None:
    """Refuse a column that is not there, and a value that no row has.

    Raises:
        SourceError: names the key, and the nearest known value.
    """
    if source.dataset is None or (columns := _columns(source.dataset, source.subset, source.revision)) is None:
        return
    for key, column in [("column", source.column), *(("where", column) for column in source.where)]:
        if column not in columns and column.partition(".")[0] not in columns:
            near = difflib.get_close_matches(column, columns, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(columns)}"
            raise SourceError(f"sources.{name}.{key}: {source.dataset} has no column '{column}'; {hint}")
    for column, value in source.where.items():
        values = _values(source.dataset, source.subset, source.revision, column)
        if values is not None and value not in values:
            near = difflib.get_close_matches(value, values, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else "correct the value, or leave `where` out"
            raise SourceError(f"sources.{name}.where: no row of {source.dataset} has {column}: {value}; {hint}")


@functools.cache
def _columns(dataset: str, subset: str | None, revision: str | None) -> tuple[str, ...] | None:
    """Names of the columns; None when they cannot be known cheaply."""
    return next((tuple(names) for _, names, _ in _files(dataset, subset, revision)), None)


@functools.cache
def _values(dataset: str, subset: str | None, revision: str | None, column: str) -> frozenset[str] | None:
    """All values of a column, of whatever split, as text; None when there are too many rows, or they cannot be known cheaply."""
    import pyarrow.compute as pc

    found: set[str] = set()
    rows = 0
    for path, names, rows_here in _files(dataset, subset, revision):
        rows += rows_here
        if rows > MOST_ROWS:
            return None
        top, *inner = [column] if column in names else column.split(".")
        for chunk in _chunks(path, top):
            cells = pc.struct_field(chunk, inner) if inner else chunk
            found.update(map(str, pc.unique(cells).to_pylist()))
    return frozenset(found) if rows else None


def _files(dataset: str, subset: str | None, revision: str | None) -> Iterator[tuple[Path, list[str], int]]:
    """Files with their columns and numbers of rows (0 where that would mean to read them)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if on_hub(dataset):
        folder = prepared(dataset, subset, revision)
        for path in sorted(folder.glob("*.arrow")) if folder else ():
            with pa.memory_map(str(path)) as stream, pa.ipc.open_stream(stream) as reader:
                yield path, reader.schema.names, sum(batch.num_rows for batch in reader)
        return
    for path in sorted(Path(dataset).rglob("*.parquet")):
        try:
            meta = pq.ParquetFile(path)
        except pa.ArrowInvalid:
            continue  # the preparation says what is wrong with it
        yield path, meta.schema_arrow.names, meta.metadata.num_rows


def _chunks(path: Path, column: str) -> Iterator[pa.Array]:
    """One column of a file, in pieces."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if path.suffix == ".parquet":
        yield from (batch.column(0) for batch in pq.ParquetFile(path).iter_batches(columns=[column]))
        return
    with pa.memory_map(str(path)) as stream, pa.ipc.open_stream(stream) as reader:
        yield from (batch.column(column) for batch in reader)
