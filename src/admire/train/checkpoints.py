"""Which checkpoints of a trial are whole. A checkpoint counts only when a mark, written last, fits its files."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from admire.trials.files import read_json, write_json

KEEP = 2
MARK = "whole.json"


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint.

    Attributes:
        step: optimiser steps done.
        seconds: wall time inside the training loop that led to it, all attempts.
    """

    folder: Path
    step: int
    seconds: float


def mark(folder: Path, step: int, seconds: float) -> None:
    """Flush a finished checkpoint to disk and declare it whole."""
    sizes = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MARK):
        with open(path, "rb") as stream:
            os.fsync(stream.fileno())
        sizes[str(path.relative_to(folder))] = path.stat().st_size
    write_json(folder / MARK, {"step": step, "seconds": seconds, "files": sizes})


def newest(root: Path) -> Checkpoint | None:
    """The newest whole checkpoint under `root`. The others that are not whole are removed: they only take up the places
    of those that are kept. To be called by the holder of the trial's lease."""
    whole = []
    for folder in root.glob("checkpoint-*"):
        found = _read(folder)
        if found is None:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            whole.append(found)
    return max(whole, key=lambda checkpoint: checkpoint.step, default=None)


def _read(folder: Path) -> Checkpoint | None:
    try:
        found = read_json(folder / MARK)
        if all((folder / name).stat().st_size == size for name, size in found["files"].items()):
            return Checkpoint(folder, found["step"], found["seconds"])
    except (OSError, ValueError, KeyError):
        pass
    return None
