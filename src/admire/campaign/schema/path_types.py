"""Paths in a campaign's YAML. A path that a command, the workflow and a shell could read differently is refused."""

from __future__ import annotations

import contextlib
import unicodedata
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

LONGEST_PART = 255  # bytes that file systems allow for the name of a file or folder
# Longest path in bytes. Linux allows 4,095, but the paths of files below a results folder are longer than that of the folder.
LONGEST = 3000


def _plain(path: str) -> str:
    """Return the path with `~` expanded.

    Raises:
        ValueError: if commands could misread the path or no file system allows it; says what to change.
    """
    if path.startswith("~"):
        with contextlib.suppress(RuntimeError):  # Python raises it if there is no such user or no home folder.
            path = str(Path(path).expanduser())
    if path.startswith("~"):
        raise ValueError("~ is the home folder, and there is none of that name; write the whole path")
    if str(Path(path)).startswith("-"):
        raise ValueError("a path that begins with - is taken for an option; rename it")
    if path != path.strip() or any(_controls(letter) for letter in path):
        raise ValueError(
            "the path begins or ends with a blank, or holds a line break, a tab or another control character; correct it"
        )
    if any(len(part.encode()) > LONGEST_PART for part in path.split("/")):
        raise ValueError(
            f"a part of the path is longer than {LONGEST_PART} bytes, which no file system takes; shorten it"
        )
    if len(path.encode()) > LONGEST:
        raise ValueError(f"the path is longer than {LONGEST:,} bytes; shorten it")
    return path


def _controls(letter: str) -> bool:
    """Whether a letter ends a line or steers a terminal instead of being shown."""
    return unicodedata.category(letter) in ("Cc", "Zl", "Zp")


def _no_wildcard(path: str) -> str:
    """Refuse a results folder with braces in its path, which Snakemake would take for wildcards in the paths of its files."""
    for letter in "{}":
        if letter in path:
            raise ValueError(f"a path with {letter} is a wildcard to Snakemake; rename the folder")
    return path


FilePath = Annotated[str, Field(min_length=1), AfterValidator(_plain)]
ResultsPath = Annotated[FilePath, AfterValidator(_no_wildcard)]
