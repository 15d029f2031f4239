"""Reads JSON and finds duplicate keys. Python's reader would silently keep the last of the values."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from admire.data.reading.unusable import Unusable

Parts = tuple[str | int, ...]
"""The path to a value within JSON: keys of mappings, and numbers of list entries from 1."""


class Twice(dict):
    """A mapping that had duplicate keys (`keys_twice`); it has the last of their values, as with Python's reader."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        """Make it from all pairs of key and value in the order of the text."""
        super().__init__(pairs)
        seen: set[str] = set()
        twice: dict[str, None] = {}
        for key, _ in pairs:
            if key in seen:
                twice[key] = None
            seen.add(key)
        self.keys_twice = list(twice)


class _Met(Exception):
    """Raised by the fast decoder, which only finds out whether there is any duplicate key."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _Met
    return made


def _marked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    return made if len(made) == len(pairs) else Twice(pairs)


_STRICT = json.JSONDecoder(object_pairs_hook=_once)
_MARKING = json.JSONDecoder(object_pairs_hook=_marked)


def decoded(text: str) -> tuple[Any, bool]:
    """The value of a JSON text, and whether it has duplicate keys anywhere. The mappings that have them are of type `Twice`.

    Raises:
        ValueError, RecursionError: as `json.loads`.
    """
    try:
        return _STRICT.decode(text), False
    except _Met:
        return _MARKING.decode(text), True


def decoded_once(text: str, place: str, entry: str = "number") -> Any:
    """The value of a JSON text without duplicate keys.

    Args:
        place: the name of the text in the message.
        entry: the name of an entry of its outermost list in the message.

    Raises:
        Unusable: if a key occurs twice in a mapping; the message has the key and its place.
        ValueError, RecursionError: as `json.loads`.
    """
    value, twice = decoded(text)
    if twice:
        check_once(value, place, entry)
    return value


def check_columns_once(row: dict[str, Any], columns: Collection[str], turns: str | None) -> None:
    """Refuse a row with a duplicate key, unless that is in a column that is not read.

    Args:
        columns: the columns that are read.
        turns: the column that has the conversation; None if none has.

    Raises:
        Unusable: if there is a duplicate key; the message has the key and its place.
    """
    for key in row.keys_twice if isinstance(row, Twice) else ():
        if key in columns:
            raise _unusable(key, "")
    for column in columns:
        check_once(row.get(column), f"column '{column}'", "turn" if column == turns else "number")


def check_pairs_once(pairs: list[tuple[Any, Any]]) -> None:
    """Refuse a map of Arrow (a list of pairs) with a duplicate key.

    Raises:
        Unusable: if there is one; the message has the key.
    """
    seen: set[str] = set()
    for key in (str(key) for key, _ in pairs):
        if key in seen:
            raise _unusable(key, "")
        seen.add(key)


def check_once(value: Any, place: str, entry: str = "number") -> None:
    """Refuse a value that has a duplicate key anywhere.

    Args:
        place: the place of the value, for the message.
        entry: the name of an entry of its outermost list in the message.

    Raises:
        Unusable: if there is a duplicate key; the message has the key and its place.
    """
    waiting: list[tuple[Any, Parts]] = [(value, ())]
    while waiting:
        value, parts = waiting.pop()
        if isinstance(value, Twice):
            raise _unusable(value.keys_twice[0], ", ".join([place, *_words(parts, entry)]))
        inner = enumerate(value, 1) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
        waiting += reversed([(one, (*parts, part)) for part, one in inner if isinstance(one, list | dict)])


def _words(parts: Parts, entry: str) -> Iterator[str]:
    for part in parts:
        yield f"{part[:60]!r}" if isinstance(part, str) else f"{entry} {part}"
        entry = entry if isinstance(part, str) else "number"


def _unusable(key: str, place: str) -> Unusable:
    what = f"the key {key[:60]!r} stands twice"
    return Unusable("twice", f"{place}: {what}" if place else what, "keep the one that is meant")
