"""Files as bytes: compressed ones opened, byte order marks taken off, and what is no UTF-8 text named."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from admire.errors import SourceError

BLOCK = 1 << 16  # bytes
STREAMS = {".bz2": bz2.BZ2Decompressor, ".xz": lzma.LZMADecompressor}
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
def opened(path: Path, key: str) -> Iterator[io.BufferedReader]:
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


def _decompressed(path: Path) -> contextlib.AbstractContextManager[Any]:
    suffix = path.suffix.lower()
    if suffix == ".zst":
        import pyarrow as pa

        return pa.input_stream(str(path), compression="zstd")
    if suffix in STREAMS:
        return io.BufferedReader(_Streams(path, STREAMS[suffix]))
    return gzip.open(path, "rb") if suffix == ".gz" else open(path, "rb")


class _Streams(io.RawIOBase):
    """All streams of a compressed file, one after the other. Python's readers take damage behind the first for the end."""

    def __init__(self, path: Path, make: Callable[[], Any]) -> None:
        self._file, self._make, self._stream = io.FileIO(path), make, make()

    def readable(self) -> bool:
        """As a stream of bytes should."""
        return True

    def readinto(self, buffer: Any) -> int:
        """The next bytes; 0 at the end.

        Raises:
            EOFError: if the last stream is cut.
            OSError, lzma.LZMAError: if one is damaged, or what follows one is none.
        """
        while True:
            if self._stream.eof:
                block = self._behind()
                if not block:
                    return 0
                self._stream = self._make()
            else:
                block = self._file.read(BLOCK) if self._stream.needs_input else b""
                if not block and self._stream.needs_input:
                    raise EOFError("it ends in the middle of what was compressed")
            data = self._stream.decompress(block, len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)

    def _behind(self) -> bytes:
        """What follows a stream, without the zeros that pad xz files; empty at the end."""
        block = self._stream.unused_data.lstrip(b"\0")
        while not block and (read := self._file.read(BLOCK)):
            block = read.lstrip(b"\0")
        return block

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
