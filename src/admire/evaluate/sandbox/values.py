"""The format of values between the judge and a program: plain Python data as JSON, exact, and never code.

A judge must not unpickle data from a program, because unpickling can run code. Instances of subclasses arrive as the plain type
from which they derive. Values that are no plain data arrive as `Opaque`, which equals nothing else.
"""

from __future__ import annotations

import json
import numbers
from collections.abc import Callable
from typing import Any


class Opaque:
    """Stands for a value that is no plain data; equals nothing but itself."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __repr__(self) -> str:
        return f"<{self.kind}>"


def dump(value: Any) -> bytes:
    """The value as JSON, in lists of a type's letter and its content; numbers are written so that no digit is lost."""
    return json.dumps(_plain(value)).encode("ascii")


def load(data: bytes) -> Any:
    """The value that `dump` wrote as these bytes.

    Raises:
        ValueError: if `dump` does not write such bytes.
        RecursionError: if they are nested too deeply for Python.
    """
    return _restored(json.loads(data))


def _plain(value: Any) -> Any:
    if value is None or value is True or value is False:
        return value
    if isinstance(value, str):
        return ["s", str.__str__(value)]
    if isinstance(value, bytes | bytearray):
        return ["y", bytes(value).hex()]
    if isinstance(value, dict):
        return ["d", [[_plain(key), _plain(item)] for key, item in dict.items(value)]]
    kinds: tuple[tuple[str, Any], ...] = (("l", list), ("t", tuple), ("e", set), ("f", frozenset))
    for letter, kind in kinds:
        if isinstance(value, kind):
            return [letter, [_plain(item) for item in kind.__iter__(value)]]
    return _plain_number(value)


def _plain_number(value: Any) -> Any:
    """A number of any library; other values become opaque."""
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        return _plain(value.item())
    if isinstance(value, numbers.Integral):
        return ["i", hex(int(value))]
    if isinstance(value, float):
        return ["r", float.hex(value)]
    if isinstance(value, complex):
        return ["c", [float.hex(value.real), float.hex(value.imag)]]
    return ["o", type(value).__name__]


def _restored(raw: Any) -> Any:
    if raw is None or raw is True or raw is False:
        return raw
    letter, content = raw
    if letter == "d":
        return {_restored(key): _restored(item) for key, item in content}
    if letter in "ltef":
        kind = {"l": list, "t": tuple, "e": set, "f": frozenset}[letter]
        return kind(_restored(item) for item in content)
    if letter == "c":
        return complex(*map(float.fromhex, content))
    makers: dict[str, Callable[[Any], Any]] = {
        "s": str,
        "y": bytes.fromhex,
        "i": lambda digits: int(digits, 16),
        "r": float.fromhex,
        "o": Opaque,
    }
    return makers[letter](content)
