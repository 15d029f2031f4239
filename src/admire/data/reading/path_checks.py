"""Checks of paths that users wrote. A path that the system refuses, say because it is too long, counts as absent."""

from __future__ import annotations

from pathlib import Path


def is_folder(path: Path | str) -> bool:
    """Whether a path is an existing folder."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def is_file(path: Path | str) -> bool:
    """Whether a path is an existing file."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False
