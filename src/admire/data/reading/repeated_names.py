"""Refuses files with a duplicate column or key before `datasets` reads them, which would silently keep one of the two."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from admire.data.reading.decompression import opened
from admire.data.reading.formats import JSON, kind_of
from admire.data.reading.request import SourceRequest
from admire.data.reading.strict_json import check_once, decoded
from admire.data.reading.unusable import Unusable
from admire.errors import SourceError

# Of the settings for pandas, these decide how the header of a table is read.
LAYOUT = (
    "sep",
    "quotechar",
    "quoting",
    "escapechar",
    "doublequote",
    "comment",
    "encoding",
    "skiprows",
    "skipinitialspace",
    "engine",
)


def check_names(paths: list[Path], settings: dict[str, Any], request: SourceRequest) -> None:
    """Refuse JSON files in which a key occurs twice in one mapping, and tables in which two columns have the same name.

    Args:
        settings: the settings with which `datasets` parses the files: `encoding` for JSON, the arguments of pandas for tables.

    Raises:
        SourceError: if there is such a file; the message names it and the column or key.
    """
    for path in paths:
        if kind_of(path) in JSON:
            _check_json(path, settings.get("encoding") or "utf-8", request.key)
        elif "sep" in settings:
            request.check_once(_header(path, settings), str(path))


def _check_json(path: Path, encoding: str, key: str) -> None:
    with opened(path, key) as stream:
        text = stream.read().decode(encoding, errors="replace")
    try:
        for place, value in _values(text):
            check_once(value, place)
    except Unusable as error:
        raise SourceError(f"{path}: {error.what}; {error.mend}, or take the file out of {key}") from None


def _values(text: str) -> Iterator[tuple[str, Any]]:
    """The values with a duplicate key, and their places: the whole file if it is JSON, otherwise its lines. Lines that are not JSON
    are skipped, because `datasets` refuses them itself."""
    with contextlib.suppress(ValueError, RecursionError):
        value, twice = decoded(text)
        if twice:
            yield "the file", value
        return
    for number, line in enumerate(text.split("\n"), 1):
        with contextlib.suppress(ValueError, RecursionError):
            value, twice = decoded(line)
            if twice:
                yield f"line {number}", value


def _header(path: Path, settings: dict[str, Any]) -> list[str]:
    """The column names in a table's first line as they are written. Empty if they are not there, or the file cannot be read."""
    import pandas as pd

    if settings.get("names") or settings.get("header") not in ("infer", 0):
        return []
    layout = {key: value for key, value in settings.items() if key in LAYOUT}
    try:
        return [str(name) for name in pd.read_csv(path, header=None, nrows=1, dtype=str, **layout).iloc[0]]
    except (OSError, ValueError, IndexError):  # `datasets` will report the same error.
        return []
