"""What a user wrote as a path, looked at without an error of the system's: one that is too long is not there."""

from __future__ import annotations

from pathlib import Path


def is_folder(path: Path | str) -> bool:
    """Whether a folder is there."""
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def is_file(path: Path | str) -> bool:
    """Whether a file is there."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False
