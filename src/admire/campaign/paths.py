"""Paths in a campaign's YAML: what every command, the workflow and a shell read alike, or a sentence."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

LONGEST_PART = 255  # bytes of a folder's or file's name that file systems take
LONGEST = 3000  # bytes of a path; Linux takes 4,095, and results have files below


def _plain(path: str) -> str:
    """A path that everything reads alike, the home folder spelt out.

    Raises:
        ValueError: says what to write.
    """
    if path.startswith("~"):
        with contextlib.suppress(RuntimeError):  # there is no such user, or no home
            path = str(Path(path).expanduser())
    if path.startswith("~"):
        raise ValueError("~ is the home folder, and there is none of that name; write the whole path")
    if str(Path(path)).startswith("-"):
        raise ValueError("a path that begins with - is taken for an option; rename it")
    if path != path.strip() or any(ord(letter) < 32 for letter in path):
        raise ValueError("the path begins or ends with a blank, or holds a line break or a tab; correct it")
    if any(len(part.encode()) > LONGEST_PART for part in path.split("/")):
        raise ValueError(
            f"a part of the path is longer than {LONGEST_PART} bytes, which no file system takes; shorten it"
        )
    if len(path.encode()) > LONGEST:
        raise ValueError(f"the path is longer than {LONGEST:,} bytes; shorten it")
    return path


def _no_wildcard(path: str) -> str:
    """A folder of results: Snakemake takes braces in its files' paths for wildcards."""
    for letter in "{}":
        if letter in path:
            raise ValueError(f"a path with {letter} is a wildcard to Snakemake; rename the folder")
    return path


FilePath = Annotated[str, Field(min_length=1), AfterValidator(_plain)]
ResultsPath = Annotated[FilePath, AfterValidator(_no_wildcard)]
