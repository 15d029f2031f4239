"""Opens text files as bytes: decompresses them, removes byte order marks, and refuses files that are not UTF-8 by their marks."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import functools
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from admire.errors import SourceError

BLOCK_BYTES = 1 << 16
# A file of xz says how much memory its reader needs. `xz -9` says 65 MB; more than this is refused.
MOST_XZ = 1 << 30
POINTER = b"version https://git-lfs.github.com/spec/"
# The longer marks come first, because the mark of UTF-16 LE is the beginning of that of UTF-32 LE.
WIDE = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}


@contextlib.contextmanager
def reading(path: Path, key: str) -> Iterator[None]:
    """Inside the block, turn any library's error about a damaged file into a SourceError of one sentence."""
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
        SourceError: if the file is damaged or not in the format of its suffix, is a Git LFS pointer instead of the data, or has the
            byte order mark of UTF-16 or UTF-32.
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
    return COMPRESSIONS.get(path.suffix.lower(), _uncompressed)(path)


def _uncompressed(path: Path) -> contextlib.AbstractContextManager[Any]:
    return path.open("rb")


def _gzip(path: Path) -> contextlib.AbstractContextManager[Any]:
    return gzip.open(path, "rb")


def _bz2(path: Path) -> contextlib.AbstractContextManager[Any]:
    return io.BufferedReader(_Streams(path, bz2.BZ2Decompressor))


def _xz(path: Path) -> contextlib.AbstractContextManager[Any]:
    return io.BufferedReader(_Streams(path, functools.partial(lzma.LZMADecompressor, memlimit=MOST_XZ)))


def _zstd(path: Path) -> contextlib.AbstractContextManager[Any]:
    import pyarrow as pa

    return pa.input_stream(str(path), compression="zstd")


class _Streams(io.RawIOBase):
    """Reads all concatenated streams of a compressed file. Python's own readers take damage after the first stream for the end."""

    def __init__(self, path: Path, make: Callable[[], Any]) -> None:
        self._file, self._make, self._stream = io.FileIO(path), make, make()

    def readable(self) -> bool:
        """True, as `io.RawIOBase` demands of a stream that can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the next bytes into a buffer and return their number; 0 at the end.

        Raises:
            EOFError: if the last stream is incomplete.
            OSError, lzma.LZMAError: if a stream is damaged, or followed by bytes that are not a stream.
        """
        while True:
            if self._stream.eof:
                block = self._behind()
                if not block:
                    return 0
                self._stream = self._make()
            else:
                block = self._file.read(BLOCK_BYTES) if self._stream.needs_input else b""
                if not block and self._stream.needs_input:
                    raise EOFError("it ends in the middle of what was compressed")
            data = self._stream.decompress(block, len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)

    def _behind(self) -> bytes:
        """The bytes that follow a stream, without the zeros that pad xz files; empty at the end of the file."""
        block = self._stream.unused_data.lstrip(b"\0")
        while not block and (read := self._file.read(BLOCK_BYTES)):
            block = read.lstrip(b"\0")
        return block

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


COMPRESSIONS: dict[str, Callable[[Path], contextlib.AbstractContextManager[Any]]] = {
    ".gz": _gzip,
    ".bz2": _bz2,
    ".xz": _xz,
    ".zst": _zstd,
}
"""Suffix of a compression -> the function that opens such a file as a stream of its decompressed bytes."""
