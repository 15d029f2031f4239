"""Of files that `datasets` reads: refuses what it would keep quiet about, a column or a key that stands twice."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from admire.data.reading.asked import Asked
from admire.data.reading.once import check_once, decoded
from admire.data.reading.opened import kind_of, opened
from admire.data.reading.unusable import Unusable
from admire.errors import SourceError

JSON = (".jsonl", ".ndjson", ".json")
LAYOUT = (  # what pandas must be told to find a table's names
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


def check_names(paths: list[Path], settings: dict[str, Any], asked: Asked) -> None:
    """Refuse JSON in which a key stands twice, and tables of which two columns have one name.

    Args:
        settings: how `datasets` reads them: `encoding` of JSON, or what pandas is told of a table.

    Raises:
        SourceError: names the file, and the column or key.
    """
    for path in paths:
        if kind_of(path) in JSON:
            _check_json(path, settings.get("encoding") or "utf-8", asked.key)
        elif "sep" in settings:
            asked.check_once(_header(path, settings), str(path))


def _check_json(path: Path, encoding: str, key: str) -> None:
    with opened(path, key) as stream:
        text = stream.read().decode(encoding, errors="replace")
    try:
        for place, value in _values(text):
            check_once(value, place)
    except Unusable as error:
        raise SourceError(f"{path}: {error.what}; {error.mend}, or take the file out of {key}") from None


def _values(text: str) -> Iterator[tuple[str, Any]]:
    """What a file, or its lines, say in which a key stands twice, with the place; what is no JSON, `datasets` refuses."""
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
    """The names in a table's first line, as they are written; none where they stand elsewhere, or the file cannot be read."""
    import pandas as pd

    if settings.get("names") or settings.get("header") not in ("infer", 0):
        return []
    told = {key: value for key, value in settings.items() if key in LAYOUT}
    try:
        return [str(name) for name in pd.read_csv(path, header=None, nrows=1, dtype=str, **told).iloc[0]]
    except (OSError, ValueError, IndexError):  # `datasets` will say so
        return []
