"""The identity of a JSON value: sha256 of its canonical text."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

LENGTH = 16


def canonical(value: Any) -> str:
    """JSON with sorted keys and no blanks, which is the same on every machine for equal values. NaN raises a ValueError."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """The first 16 hexadecimal digits (64 bits) of the sha256 of `canonical(value)`."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:LENGTH]


def digest_files(paths: list[Path], root: Path) -> str:
    """One digest for the names (relative to `root`) and contents of files."""
    return digest(
        {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(paths)}
    )
