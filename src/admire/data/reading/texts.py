"""Reads text files: each is one document, or, in a dataset's folder, one row per line."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from admire.data.reading import lines
from admire.data.reading.decompression import opened
from admire.data.reading.request import Row, SourceRequest
from admire.data.reading.unusable import Unusable

NULS = 0.3  # A larger fraction of NUL characters means two bytes per character, which is UTF-16 without a mark.
SAMPLE = 1 << 12


def read_document(path: Path, request: SourceRequest) -> Iterator[Row]:
    """The file's text as one row, in whichever column is requested."""
    with opened(path, request.key) as stream:
        content = stream.read(lines.MOST_BYTES + 1)
    mend = f"take it out of {request.key}.files"
    if len(content) > lines.MOST_BYTES:
        yield Row(Unusable("too_long", f"a document of more than {lines.MOST_BYTES:,} bytes", "split it"), str(path))
        return
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        what = f"not UTF-8 (byte {error.start})"
        yield Row(Unusable("not_utf8", what, f"convert it to UTF-8 or {mend}"), str(path))
        return
    if text[:SAMPLE].count("\0") > NULS * len(text[:SAMPLE]):
        yield Row(Unusable("not_utf8", "UTF-16 without a mark", f"convert it to UTF-8 or {mend}"), str(path))
        return
    if "\r" in text:  # Line ends become those that Python gives when it opens a file as text.
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    yield Row({request.source.column: text}, str(path))


def read_text_lines(path: Path, request: SourceRequest) -> Iterator[Row]:
    """One row per line, in the column `text`, as `datasets` reads text files."""
    request.needed_columns(["text"])
    mend = f"convert it to UTF-8 or take it out of {request.key}.dataset"
    with opened(path, request.key) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", errors="surrogateescape")
        size = lines.MOST_BYTES // 4  # A character has up to four bytes.
        for number, line in enumerate(iter(lambda: text.readline(size), ""), 1):
            place = f"{path}:{number}"
            if len(line) == size:
                while not line.endswith("\n") and (line := text.readline(size)):
                    pass
                yield Row(Unusable("too_long", f"a line of more than {size:,} letters", "split it"), place)
                continue
            try:
                line.encode()
            except UnicodeEncodeError as error:
                yield Row(Unusable("not_utf8", f"not UTF-8 (letter {error.start})", mend), place)
                continue
            yield Row({"text": line.rstrip("\n")}, place)
        text.detach()
