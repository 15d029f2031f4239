"""The formats of files that a source can name: the suffix of each, its reader, and the compressions around it.

A new format needs a function from a file to its rows, its line in READERS, and its place in SUPPORTED; and an entry in
`folder.ORDINARY` if `datasets` reads it too. A new compression needs its line in `decompression.COMPRESSIONS`, and its place in
SUPPORTED.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from admire.data.reading.decompression import COMPRESSIONS
from admire.data.reading.lines import read_json, read_lines
from admire.data.reading.parquet import read_parquet
from admire.data.reading.request import Row, SourceRequest
from admire.data.reading.texts import read_document, read_text_lines

Reader = Callable[[Path, SourceRequest], Iterator[Row]]

READERS: dict[str, Reader] = {
    ".jsonl": read_lines,
    ".ndjson": read_lines,
    ".json": read_json,
    ".parquet": read_parquet,
    ".txt": read_document,
}
"""Suffix -> the reader of the files in `files:`."""

READERS_IN_FOLDER: dict[str, Reader] = READERS | {".txt": read_text_lines}
"""Suffix -> the reader of the files in a dataset's folder, which `datasets` would read in the same way."""

JSON = (".jsonl", ".ndjson", ".json")
NEVER_COMPRESSED = (".parquet",)  # Its own pages may be compressed. A compression of the whole file is not supported.
# Messages list the formats so.
SUPPORTED = ".jsonl, .parquet, .txt files, also .ndjson and .json, and text compressed as .gz, .bz2, .xz or .zst"


def kind_of(path: Path) -> str | None:
    """The suffix that decides how a file is read, without that of a compression; None if no reader supports it."""
    suffix = path.suffix.lower()
    if suffix in COMPRESSIONS:
        inner = path.with_suffix("").suffix.lower()
        return inner if inner in READERS and inner not in NEVER_COMPRESSED else None
    return suffix if suffix in READERS else None
