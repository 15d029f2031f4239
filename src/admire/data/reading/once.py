"""JSON whose keys each stand once: Python's reader keeps the last of two values and says nothing."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

from admire.data.reading.unusable import Unusable

Parts = tuple[str | int, ...]  # keys, and numbers within lists from 1


class Twice(dict):
    """A mapping some of whose keys stand twice; holds the last of their values, as Python's reader does."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        """From all that is written."""
        super().__init__(pairs)
        seen: set[str] = set()
        twice: dict[str, None] = {}
        for key, _ in pairs:
            if key in seen:
                twice[key] = None
            seen.add(key)
        self.keys_twice = list(twice)


class _Met(Exception):
    """A key that stands twice, where only whether there is one is asked."""


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
    """What JSON says, and whether a key stands twice somewhere; the mappings in which one does are then `Twice`.

    Raises:
        ValueError, RecursionError: as `json.loads`.
    """
    try:
        return _STRICT.decode(text), False
    except _Met:
        return _MARKING.decode(text), True


def decoded_once(text: str, place: str, entry: str = "number") -> Any:
    """What JSON says.

    Args:
        place: what the text is, for the message.
        entry: what the entries of its outermost list are.

    Raises:
        Unusable: names the key that stands twice, and where.
        ValueError, RecursionError: as `json.loads`.
    """
    value, twice = decoded(text)
    if twice:
        check_once(value, place, entry)
    return value


def check_columns_once(row: dict[str, Any], columns: Collection[str], turns: str | None) -> None:
    """Refuse a row in which a key stands twice, unless it is in a column that is not read.

    Args:
        turns: the column that holds a conversation; None where none does.

    Raises:
        Unusable: names the key, and where.
    """
    for key in row.keys_twice if isinstance(row, Twice) else ():
        if key in columns:
            raise _unusable(key, "")
    for column in columns:
        check_once(row.get(column), f"column '{column}'", "turn" if column == turns else "number")


def check_pairs_once(pairs: list[tuple[Any, Any]]) -> None:
    """Refuse a map of Arrow's, a list of pairs, in which a key stands twice.

    Raises:
        Unusable: names the key.
    """
    seen: set[str] = set()
    for key in (str(key) for key, _ in pairs):
        if key in seen:
            raise _unusable(key, "")
        seen.add(key)


def check_once(value: Any, place: str, entry: str = "number") -> None:
    """Refuse a value within which a key stands twice.

    Args:
        place: where the value stands, for the message.
        entry: what the entries of its outermost list are.

    Raises:
        Unusable: names the key, and where.
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
