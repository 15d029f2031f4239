"""Reads rows of Parquet files: only the needed columns, and in pieces of bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from admire.data.reading.decompression import reading
from admire.data.reading.lines import MOST_BYTES
from admire.data.reading.request import Row, SourceRequest
from admire.data.reading.unusable import Unusable
from admire.errors import SourceError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH_ROWS = 1024
# Lists that repeat the same few values take almost no space in a file, and a row of them must be read as a whole.
MOST_VALUES = 1 << 27
BATCH_BYTES = 1 << 28  # A piece takes about so much memory at most, by the sizes of columns that the file declares.


def read_parquet(path: Path, request: SourceRequest) -> Iterator[Row]:
    """The rows of a file.

    Raises:
        SourceError: if the file is damaged or not Parquet, or a needed column occurs twice.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path, read_dictionary=_repeated(pq.read_metadata(path), request.source.column))
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = (str(error).splitlines() or ["it is damaged"])[0].rstrip(".")
        raise SourceError(
            f"{path}: not a Parquet file ({reason}); write it again or take it out of {request.key}.files"
        ) from None
    with file, reading(path, request.key):
        known = file.schema_arrow.names
        columns = request.needed_columns(known)
        request.check_once(known, str(path))
        if request.source.column not in columns:
            none = Unusable(
                "nothing",
                f"there is no column '{request.source.column}'",
                f"set {request.key}.column to one of {', '.join(known)}",
            )
            yield from (Row(none, str(path)) for _ in range(file.metadata.num_rows))
            return
        _check_values(file, columns, str(path), request.key)
        number = 0
        for batch in file.iter_batches(_rows_at_once(file, columns), columns=columns):
            for row in _pylist(batch):
                number += 1
                yield Row(row, f"{path}, row {number}", filled=True)
        if number != file.metadata.num_rows:
            raise ValueError(f"it says that it has {file.metadata.num_rows:,} rows, and {number:,} are there")


def _check_values(file: pq.ParquetFile, columns: list[str], path: str, key: str) -> None:
    """Refuse a file with more than MOST_VALUES values of a list among the needed columns in one row group.

    Raises:
        SourceError: names the file and the column.
    """
    meta = file.metadata
    for group in range(meta.num_row_groups):
        for chunk in (meta.row_group(group).column(i) for i in range(meta.num_columns)):
            name, *inner = chunk.path_in_schema.split(".")
            if inner and name in columns and chunk.num_values > MOST_VALUES:
                raise SourceError(
                    f"{path}: its column '{name}' has {chunk.num_values:,} values in one row group, of which at most "
                    f"{MOST_VALUES:,} are read; write it in smaller row groups, or take it out of {key}"
                )


def _repeated(meta: pq.FileMetaData, column: str) -> list[str]:
    """[column] if the column should be read as a dictionary (distinct values, and their numbers per row), otherwise [].

    That is so if the file stores it as a dictionary with large values: a piece with all values written out could be far larger than
    the file. In a dictionary, a value is copied only when its row is read.
    """
    for group in range(meta.num_row_groups):
        for chunk in (meta.row_group(group).column(i) for i in range(meta.num_columns)):
            large = chunk.total_uncompressed_size > BATCH_BYTES // BATCH_ROWS
            if chunk.path_in_schema == column and chunk.has_dictionary_page and large:
                return [column]
    return []


def _rows_at_once(file: pq.ParquetFile, columns: list[str]) -> int:
    """The number of rows per piece: fewer if rows are large, so that a piece takes at most BATCH_BYTES."""
    meta, largest = file.metadata, 1.0
    for group in range(meta.num_row_groups):
        chunks = [meta.row_group(group).column(i) for i in range(meta.num_columns)]
        size = sum(chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema.split(".")[0] in columns)
        largest = max(largest, size / max(meta.row_group(group).num_rows, 1))
    return int(max(1, min(BATCH_ROWS, BATCH_BYTES // largest)))


def _pylist(batch: pa.RecordBatch) -> Iterator[dict[str, Any] | Unusable]:
    """The rows of a piece, with an `Unusable` in the place of a row that is not UTF-8."""
    import pyarrow as pa

    if any(pa.types.is_dictionary(field.type) for field in batch.schema):
        for i in range(batch.num_rows):
            try:
                yield {name: batch.column(name)[i].as_py() for name in batch.schema.names}
            except UnicodeDecodeError as error:
                yield Unusable("not_utf8", f"not UTF-8 (byte {error.start})", "write it as UTF-8")
        return
    try:
        if batch.nbytes <= BATCH_BYTES:  # In Python, values take many times as much.
            yield from batch.to_pylist()
            return
    except UnicodeDecodeError:
        pass
    for one in (batch.slice(i, 1) for i in range(batch.num_rows)):
        if one.nbytes > MOST_BYTES:
            yield Unusable("too_long", f"a row of more than {MOST_BYTES:,} bytes", "split it")
            continue
        try:
            yield one.to_pylist()[0]
        except UnicodeDecodeError as error:
            yield Unusable("not_utf8", f"not UTF-8 (byte {error.start})", "write it as UTF-8")
