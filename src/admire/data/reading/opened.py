"""Files as bytes: compressed ones opened, byte order marks taken off, and what is no UTF-8 text named."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from admire.errors import SourceError

COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
SUFFIXES = (".jsonl", ".ndjson", ".json", ".parquet", ".txt")
POINTER = b"version https://git-lfs.github.com/spec/"
WIDE = {  # the longer marks first: one is the beginning of another
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


def kind_of(path: Path) -> str | None:
    """The suffix that says how a file is read, a compression's taken off; None for files that no reader takes."""
    suffix = path.suffix.lower()
    if suffix in COMPRESSED:
        inner = path.with_suffix("").suffix.lower()
        return inner if inner in SUFFIXES and inner != ".parquet" else None
    return suffix if suffix in SUFFIXES else None


@contextlib.contextmanager
def reading(path: Path, key: str) -> Iterator[None]:
    """Make one sentence of whatever a library says about a file that cannot be read to its end."""
    import pyarrow as pa

    broken = (OSError, EOFError, zlib.error, lzma.LZMAError, pa.ArrowException, ValueError, OverflowError, TypeError)
    try:
        yield
    except broken as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
        raise SourceError(
            f"{path}: the file cannot be read to its end ({reason}); write it again or take it out of {key}"
        ) from None


@contextlib.contextmanager
def opened(path: Path, key: str) -> Iterator[IO[bytes]]:
    """The bytes of a text file, decompressed, after its byte order mark.

    Args:
        key: the source's place in the YAML, for messages.

    Raises:
        SourceError: if the file is not what it is called, a pointer to the data instead of them, or not UTF-8 by its mark.
    """
    with reading(path, key), _decompressed(path) as raw:
        stream = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(raw)
        head = stream.peek(len(POINTER))
        if head.startswith(POINTER):
            raise SourceError(f"{path}: a Git LFS pointer, not the data; run `git lfs pull` where {key} has it from")
        for mark, encoding in WIDE.items():
            if head.startswith(mark):
                raise SourceError(f"{path}: {encoding}, not UTF-8; convert it to UTF-8 or take it out of {key}")
        if head.startswith(codecs.BOM_UTF8):
            stream.read(len(codecs.BOM_UTF8))
        yield stream


def _decompressed(path: Path) -> contextlib.AbstractContextManager:
    suffix = path.suffix.lower()
    if suffix == ".zst":
        import pyarrow as pa

        return pa.input_stream(str(path), compression="zstd")
    return {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}.get(suffix, open)(path, "rb")
