"""Reads rows of JSON files, which have one object per line or one array of objects."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

from admire.data.reading.decompression import opened
from admire.data.reading.request import Row, SourceRequest
from admire.data.reading.strict_json import check_columns_once, decoded
from admire.data.reading.unusable import Unusable
from admire.errors import SourceError

MOST_BYTES = 1 << 28  # To tokenise a larger row or document at once would take all memory of most machines.
MOST_WHOLE = 1 << 31  # A compressed array is read as a whole; without a limit, a small file could take any memory.


def read_lines(path: Path, request: SourceRequest) -> Iterator[Row]:
    """The rows of a file with one object per line. Blank lines are skipped."""
    with opened(path, request.key) as stream:
        yield from _rows(_lines(stream, path, request), request)


def read_json(path: Path, request: SourceRequest) -> Iterator[Row]:
    """The rows of a file with an array of objects, an array of texts (which become the column `text`), a single object, or one
    object per line."""
    with opened(path, request.key) as stream:
        start = stream.peek(1 << 12).lstrip()
        if not start.startswith(b"[") and not _is_pretty(start):
            yield from _rows(_lines(stream, path, request), request)
            return
        most = max(MOST_WHOLE, path.stat().st_size)
        content = stream.read(most + 1)
        if len(content) > most:
            raise SourceError(
                f"{path}: a compressed array of more than {most:,} bytes; write it as .jsonl, one row per line, or take it out of "
                f"{request.key}"
            )
        try:
            value, twice = decoded(content.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise SourceError(
                f"{path}: not UTF-8 (byte {error.start}); convert it to UTF-8 or take it out of {request.key}"
            ) from None
        except (ValueError, RecursionError) as error:
            raise SourceError(f"{path}: {_why(error)}; correct it or take the file out of {request.key}") from None
    items = value if isinstance(value, list) else [value]
    rows = ({"text": item} if isinstance(item, str) else item for item in items)
    placed = ((_once(row, request) if twice else row, f"{path}, item {number}") for number, row in enumerate(rows, 1))
    yield from _rows(placed, request)


def _is_pretty(start: bytes) -> bool:
    """Whether a file begins with an object that is spread over several lines."""
    first, newline, _ = start.partition(b"\n")
    return bool(newline) and first.strip() == b"{"


def _rows(found: Iterator[tuple[Any, str]], request: SourceRequest) -> Iterator[Row]:
    known: set[str] = set()
    for row, place in found:
        if not isinstance(row, dict | Unusable):
            what = f"expected an object with the column '{request.source.column}', found {type(row).__name__}"
            row = Unusable("no_object", what, f"correct it or take the file out of {request.key}")
        if isinstance(row, Unusable):
            yield Row(row, place)
            continue
        if not known.issuperset(row):
            known.update(row)
            request.columns.update(dict.fromkeys(row))
        yield Row(row, place)


def _lines(stream: IO[bytes], path: Path, request: SourceRequest) -> Iterator[tuple[Any, str]]:
    mend = f"correct it or take the file out of {request.key}.files"
    if request.source.files is None:
        mend = f"correct it or take the file out of {request.key}.dataset"
    for number, line in enumerate(iter(partial(stream.readline, MOST_BYTES + 1), b""), 1):
        place = f"{path}:{number}"
        if len(line) > MOST_BYTES:
            while not line.endswith(b"\n") and (line := stream.readline(MOST_BYTES)):
                pass
            yield Unusable("too_long", f"a row of more than {MOST_BYTES:,} bytes", "split it"), place
            continue
        if not line.strip():
            continue
        try:
            if line.startswith(codecs.BOM_UTF8):  # Where files were concatenated, their byte order marks are inside.
                line = line[len(codecs.BOM_UTF8) :]
            row, twice = decoded(line.decode("utf-8"))
            row = _once(row, request) if twice else row
        except UnicodeDecodeError as error:
            row = Unusable(
                "not_utf8", f"not UTF-8 (byte {error.start})", mend.replace("correct it", "convert it to UTF-8")
            )
        except (ValueError, RecursionError) as error:
            row = Unusable("not_json", f"this line is {_why(error)}", mend)
        yield row, place


def _once(row: Any, request: SourceRequest) -> Any:
    """The row, or its fault if a key occurs twice in a column that is read."""
    try:
        if isinstance(row, dict):
            check_columns_once(
                row, request.needed_columns(list(row)), request.source.column if request.kind == "sft" else None
            )
    except Unusable as error:
        return error
    return row


def _why(error: ValueError | RecursionError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON ({error.msg})"
    if isinstance(error, RecursionError):
        return "JSON with brackets nested too deep to be read"
    return "JSON with a number of too many digits to be read"
