"""What a user wrote as a path, looked at without an error of the system's: too long a name, or a null in it, is not there."""

from __future__ import annotations

from pathlib import Path


def home_expanded(text: str) -> Path:
    """The path, `~` as the home folder where there is one."""
    try:
        return Path(text).expanduser()
    except RuntimeError:  # a user that nobody knows
        return Path(text)


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
