"""Which checkpoints of a trial are whole, and which one a training resumes from.

A checkpoint counts only when a mark, written last, fits its files: their names, sizes and contents. Libraries read some of them
as pickles, which can run code, so what was changed or added since is a broken checkpoint, and the one before it counts.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from admire.campaign.layout import TrialLayout
from admire.trials.atomic_files import read_json, write_json

KEEP = 2
MARK = "whole.json"
# Libraries read these as data only (safetensors, or torch.load with weights_only). Their ends are enough: an index lies there.
DATA_ONLY = {".safetensors", ".pt", ".pth"}
ENDS = 4 << 20  # bytes
# What a sharded checkpoint holds; of these some are unpickled without a check.
SHARDED = {".distcp", ".metadata"}


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
    names = _names(folder)
    for name in names:
        with open(folder / name, "rb") as stream:
            os.fsync(stream.fileno())
    sizes = {name: (folder / name).stat().st_size for name in names}
    told = {"step": step, "seconds": seconds, "continued_from": continued_from}
    write_json(folder / MARK, {**told, "files": sizes, "contents": _contents(folder, names)})


@dataclass(frozen=True)
class Start:
    """Where an attempt begins; the defaults are the beginning of a training.

    Attributes:
        folder: the checkpoint to resume from; None: there is none.
        step: optimiser steps done before.
        seconds: wall time inside the training loop that led to it, all attempts, since `continued_from`.
        continued_from: the step of the shorter training's checkpoint that the training went on from; 0: it began anew.
    """

    folder: Path | None = None
    step: int = 0
    seconds: float = 0.0
    continued_from: int = 0


def start(trial: TrialLayout, stable_end: int) -> Start:
    """The newest whole checkpoint of a training, its own or one from the stable phase of shorter ones; or its beginning.

    What led to another training's checkpoint was paid for there: time counts from it. To be called by the holder of the
    trial's lease.

    Args:
        stable_end: the step after which this training's own decay begins.
    """
    shared = newest(trial.stable_checkpoints, until=stable_end)
    if shared is not None and shared.step < stable_end:
        shared = Checkpoint(shared.folder, shared.step, 0.0, continued_from=shared.step)
    found = [one for one in (newest(trial.checkpoints), shared) if one is not None]
    if not found:
        return Start()
    best = max(found, key=lambda checkpoint: checkpoint.step)
    return Start(best.folder, best.step, best.seconds, best.continued_from)


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
        if _fits(folder, found):
            return Checkpoint(folder, found["step"], found["seconds"], found.get("continued_from", 0))
    except (OSError, ValueError, KeyError):
        pass
    return None


def _fits(folder: Path, found: dict[str, Any]) -> bool:
    """Whether a checkpoint's files are those of its mark. Marks of earlier versions hold no contents; they count where nothing is
    unpickled without a check.
    """
    names = _names(folder)
    if set(names) != set(found["files"]):
        return False
    if any((folder / name).stat().st_size != size for name, size in found["files"].items()):
        return False
    if "contents" not in found:
        return not any(Path(name).suffix in SHARDED or Path(name).name in SHARDED for name in names)
    return _contents(folder, names) == found["contents"]


def _names(folder: Path) -> list[str]:
    """A checkpoint's files, relative to it; links count as files, so that none goes unseen."""
    found = (path for path in folder.rglob("*") if path.name != MARK and (path.is_symlink() or not path.is_dir()))
    return sorted(str(path.relative_to(folder)) for path in found)


def _contents(folder: Path, names: list[str]) -> dict[str, str]:
    """The sha256 of each file, or of its ends where it is data only; several files at once."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return dict(zip(names, pool.map(functools.partial(_sha256, folder), names), strict=True))


def _sha256(folder: Path, name: str) -> str:
    """Never through a link: what lies behind one may change after it was looked at.

    Raises:
        OSError: if the file is one.
    """
    path = folder / name
    with open(path, "rb", opener=lambda place, flags: os.open(place, flags | os.O_NOFOLLOW)) as stream:
        if path.suffix not in DATA_ONLY or os.fstat(stream.fileno()).st_size <= 2 * ENDS:
            return hashlib.file_digest(stream, "sha256").hexdigest()
        ends = hashlib.sha256(stream.read(ENDS))
        stream.seek(-ENDS, os.SEEK_END)
        ends.update(stream.read(ENDS))
        return ends.hexdigest()
