"""Finds the files that a source's `files:` names."""

from __future__ import annotations

import glob
import os
from pathlib import Path

from admire.data.reading.formats import SUPPORTED, kind_of
from admire.data.reading.path_checks import is_file, is_folder
from admire.errors import SourceError


def matched_files(patterns: list[str] | str, key: str) -> list[Path]:
    """The files that the patterns match, sorted and each once. If there is a file of exactly that name, brackets in it are no
    pattern.

    Args:
        key: the source's place in the YAML, for messages.

    Raises:
        SourceError: if a pattern is a folder or matches nothing, or a file is empty or of a format that no reader supports.
    """
    key = f"{key}.files"
    found: set[Path] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if is_folder(pattern):
            raise SourceError(f"{pattern}: a folder; name its files in {key}, as in '{pattern.rstrip('/')}/*.jsonl'")
        matched = [Path(path) for path in _glob(pattern) if is_file(path)]
        if not matched:
            raise SourceError(
                f"{pattern[:200]}: no such file; correct {key}, paths are relative to where the command runs"
            )
        found.update(matched)
    for path in sorted(found):
        check_file(path, key)
    return sorted(found)


def check_file(path: Path, key: str) -> None:
    """Refuse a file that is empty or that no reader supports.

    Raises:
        SourceError: if so; the message has the fix.
    """
    if kind_of(path) is None:
        raise SourceError(f"{path}: {key} takes {SUPPORTED}; convert it or narrow the pattern")
    if path.stat().st_size == 0:
        raise SourceError(f"{path}: the file is empty; fill it or take it out of {key}")


def _glob(pattern: str) -> list[str]:
    """The paths that a pattern matches. The longest beginning of it that exists as a path is taken literally, with its brackets."""
    parts = pattern.split("/")
    for n in range(len(parts), 0, -1):
        start = "/".join(parts[:n])
        if glob.has_magic(start) and os.path.lexists(start):
            return glob.glob("/".join([glob.escape(start), *parts[n:]]), recursive=True)
    return glob.glob(pattern, recursive=True)
