"""Gets the cells of rows and compares them with the values in `where`. Values are compared in their JSON spelling, so that the file
format makes no difference."""

from __future__ import annotations

import datetime
import decimal
import json
import math
from typing import Any

from admire.data.reading.strict_json import check_pairs_once

Moment = datetime.date | datetime.time  # This includes datetime, which is a subclass of date.


def cell(row: dict[str, Any], column: str) -> Any:
    """The value of a row in a column, or, for a name with dots, in mappings within a column; None if there is none."""
    if column in row:
        return row[column]
    top, _, rest = column.partition(".")
    inner = as_mapping(row.get(top)) if rest else None
    return None if inner is None else cell(inner, rest)


def as_mapping(value: Any) -> dict[str, Any] | None:
    """A mapping, also from the list of pairs that Arrow makes of its maps; None for any other value.

    Raises:
        Unusable: if a key occurs twice.
    """
    if isinstance(value, dict):
        return value
    if isinstance(value, list) and value and all(isinstance(pair, tuple) and len(pair) == 2 for pair in value):
        check_pairs_once(value)
        return {key: inner for key, inner in value if isinstance(key, str)}
    return None


def matches(value: Any, wanted: str) -> bool:
    """Whether a cell has a value of the YAML. Texts must be equal. `true`, `1.5`, `null` and `{"a": 1}` are read as JSON, and
    numbers are compared by value. Dates and times are in ISO 8601.
    """
    if isinstance(value, str):
        return value == wanted
    if isinstance(value, Moment):
        return wanted in (value.isoformat(), str(value)) or _moment(wanted, type(value)) == value
    return spelled(value) == _normal(wanted)


def spelled(value: Any) -> str:
    """A cell in its JSON spelling, without blanks and with sorted keys; a text has no quotes."""
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    mapping = as_mapping(value)
    if mapping is not None:
        return "{" + ",".join(f"{json.dumps(key)}:{_json(mapping[key])}" for key in sorted(mapping, key=str)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_json, value)) + "]"
    if isinstance(value, decimal.Decimal | float) and math.isfinite(value) and value == int(value):
        return str(int(value))
    if isinstance(value, decimal.Decimal):
        return str(value.normalize())
    if isinstance(value, Moment):
        return json.dumps(value.isoformat())
    if isinstance(value, bytes):
        return json.dumps(value.decode("utf-8", "backslashreplace"))
    return json.dumps(value, default=str)


def _normal(wanted: str) -> str:
    """A value of the YAML in the same spelling if it is JSON, otherwise unchanged."""
    try:
        return _json(json.loads(wanted))
    except (ValueError, RecursionError):  # It is a plain text, which equals no number or mapping.
        return wanted


def _moment(wanted: str, kind: type[datetime.date] | type[datetime.time]) -> Any:
    try:
        return kind.fromisoformat(wanted)
    except ValueError:
        return None
