"""Which checkpoints of a trial are whole, and which one a training goes on from. A checkpoint counts only when a mark, written
last, fits its files."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from admire.campaign.layout import TrialLayout
from admire.trials.files import read_json, write_json

KEEP = 2
MARK = "whole.json"


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint.

    Attributes:
        step: optimiser steps done.
        seconds: wall time inside the training loop that led to it, all attempts, since `continued_from`.
        continued_from: the step of the shorter training's checkpoint that this one went on from; 0: it began anew.
    """

    folder: Path
    step: int
    seconds: float
    continued_from: int = 0


def mark(folder: Path, step: int, seconds: float, continued_from: int = 0) -> None:
    """Flush a finished checkpoint to disk and declare it whole."""
    sizes = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != MARK):
        with open(path, "rb") as stream:
            os.fsync(stream.fileno())
        sizes[str(path.relative_to(folder))] = path.stat().st_size
    write_json(folder / MARK, {"step": step, "seconds": seconds, "continued_from": continued_from, "files": sizes})


def to_go_on_from(trial: TrialLayout, trunk: int) -> Checkpoint | None:
    """The newest whole checkpoint of a training: its own, or one that the trunk of shorter ones left.

    What led to another training's checkpoint was paid for there: time counts from it. To be called by the holder of the
    trial's lease.

    Args:
        trunk: the step after which this training's own decay begins.
    """
    shared = newest(trial.trunk, until=trunk)
    if shared is not None and shared.step < trunk:
        shared = Checkpoint(shared.folder, shared.step, 0.0, continued_from=shared.step)
    found = [one for one in (newest(trial.checkpoints), shared) if one is not None]
    return max(found, key=lambda checkpoint: checkpoint.step, default=None)


def newest(root: Path, until: int | None = None) -> Checkpoint | None:
    """The newest whole checkpoint under `root`, of a step up to `until`. Those that are not whole are removed: they only take
    up the places of those that are kept. To be called by the holder of the trial's lease."""
    whole = []
    for folder in root.glob("checkpoint-*"):
        found = _read(folder)
        if found is None:
            shutil.rmtree(folder, ignore_errors=True)
        elif until is None or found.step <= until:
            whole.append(found)
    return max(whole, key=lambda checkpoint: checkpoint.step, default=None)


def _read(folder: Path) -> Checkpoint | None:
    try:
        found = read_json(folder / MARK)
        if all((folder / name).stat().st_size == size for name, size in found["files"].items()):
            return Checkpoint(folder, found["step"], found["seconds"], found.get("continued_from", 0))
    except (OSError, ValueError, KeyError):
        pass
    return None
