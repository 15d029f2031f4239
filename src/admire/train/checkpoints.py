"""Decides which checkpoints of a trial are whole, and from which one a training resumes.

The last file to be written into a checkpoint is a mark with the names, sizes and contents of the others. A checkpoint whose files
differ from its mark is broken, and the training resumes from the checkpoint before it. Contents are compared because libraries
read some of the files as pickles, which can run code: a file that was changed or added later must not be loaded.
"""

from __future__ import annotations

import functools
import hashlib
import math
import os
import shutil
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from admire.campaign.layout import TrialLayout
from admire.errors import TrialError
from admire.trials.atomic_files import read_json, write_json

KEEP = 2  # The older one is there in case the newest one is broken.
MARK = "whole.json"
# Libraries read these files as data only (safetensors, or torch.load with weights_only), so they cannot run code. To find a torn
# one it is enough to hash ENDS bytes at its beginning and at its end, where the format keeps its index.
DATA_ONLY = {".safetensors", ".pt", ".pth"}
ENDS = 4 << 20
# A sharded checkpoint consists of these files, and torch unpickles some of them without a check.
SHARDED = {".distcp", ".metadata"}


@dataclass(frozen=True)
class Checkpoint:
    """A whole checkpoint.

    Attributes:
        step: optimiser steps done.
        seconds: wall time that all attempts spent in the training loop to get here from the step `continued_from`.
        continued_from: the step of the shorter training's checkpoint that this training continued from; 0 if from none.
    """

    folder: Path
    step: int
    seconds: float
    continued_from: int = 0


def mark(folder: Path, step: int, seconds: float, continued_from: int = 0) -> None:
    """Flush a finished checkpoint to disk and mark it as whole.

    Args:
        step, seconds, continued_from: as in `Checkpoint`.
    """
    names = _names(folder)
    for name in names:
        with open(folder / name, "rb") as stream:
            os.fsync(stream.fileno())
    sizes = {name: (folder / name).stat().st_size for name in names}
    progress = {"step": step, "seconds": seconds, "continued_from": continued_from}
    write_json(folder / MARK, {**progress, "files": sizes, "contents": _contents(folder, names)})


@dataclass(frozen=True)
class Start:
    """Where an attempt begins; the defaults mean step 0.

    Attributes:
        folder: the checkpoint to resume from; None if there is none.
        step: optimiser steps that were done before this attempt.
        seconds: wall time that earlier attempts spent in the training loop to get here from the step `continued_from`.
        continued_from: the step of the shorter training's checkpoint that this training continued from; 0 if from none.
    """

    folder: Path | None = None
    step: int = 0
    seconds: float = 0.0
    continued_from: int = 0


def start(trial: TrialLayout, stable_end: int) -> Start:
    """Where a training resumes: at the newest whole checkpoint, its own or one that a shorter training left at the end of its
    stable phase, or else at step 0. Only the holder of the trial's lease may call this.

    A longer training is not charged for the steps that a shorter one has done: its seconds count from the shared checkpoint.

    Args:
        stable_end: the last step of this training's stable phase; checkpoints of shorter trainings count up to it.
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
    """The newest whole checkpoint under `root`, of a step up to `until`. Checkpoints that are not whole are removed, because the
    library would count them among the KEEP that it keeps. Only the holder of the trial's lease may call this."""
    whole = []
    leads_elsewhere = root.is_symlink() or root.parent.is_symlink()
    for folder in root.glob("checkpoint-*"):
        found = _read(folder)
        if found is None and folder.is_symlink():
            folder.unlink(missing_ok=True)
        elif found is None and not leads_elsewhere:  # What lies behind a link may be wanted by somebody else.
            shutil.rmtree(folder, ignore_errors=True)
        elif found is None:
            continue
        elif until is None or found.step <= until:
            whole.append(found)
    return max(whole, key=lambda checkpoint: checkpoint.step, default=None)


def _read(folder: Path) -> Checkpoint | None:
    if folder.is_symlink() or (folder / MARK).is_symlink():
        return None
    try:
        found = read_json(folder / MARK)
        step, seconds, before = found["step"], found["seconds"], found.get("continued_from", 0)
        if _counts(step, before) and seconds >= 0 and math.isfinite(seconds) and _fits(folder, found):
            return Checkpoint(folder, step, seconds, before)
    # A mark is no better than what somebody wrote there, and all that it can cause is that the checkpoint is broken.
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError, TrialError):
        pass
    return None


def _counts(*values: Any) -> bool:
    return all(type(value) is int and value >= 0 for value in values)


def _fits(folder: Path, found: dict[str, Any]) -> bool:
    """Whether a checkpoint's files match its mark. Marks of earlier versions have no contents; they are accepted unless the
    checkpoint is sharded, because the files of such a one are unpickled without a check.
    """
    names = _names(folder)
    if set(names) != set(found["files"]):
        return False
    looks = {name: (folder / name).lstat() for name in names}
    if not all(stat.S_ISREG(look.st_mode) and look.st_size == found["files"][name] for name, look in looks.items()):
        return False
    if "contents" not in found:
        return not any(Path(name).suffix in SHARDED or Path(name).name in SHARDED for name in names)
    return _contents(folder, names) == found["contents"]


def _names(folder: Path) -> list[str]:
    """A checkpoint's files as sorted relative paths. Links are listed as files, so that an added link is noticed too."""
    found = (path for path in folder.rglob("*") if path != folder / MARK and (path.is_symlink() or not path.is_dir()))
    return sorted(str(path.relative_to(folder)) for path in found)


def _contents(folder: Path, names: list[str]) -> dict[str, str]:
    """File name -> sha256 of the file, or of its two ends if it is a large file of a DATA_ONLY format."""
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return dict(zip(names, pool.map(functools.partial(_sha256, folder), names), strict=True))


def _sha256(folder: Path, name: str) -> str:
    """The sha256 of one file. Links are refused, because their target may change after this check.

    Raises:
        OSError: if the file is a link, or cannot be read.
    """
    path = folder / name
    with open(path, "rb", opener=lambda place, flags: os.open(place, flags | os.O_NOFOLLOW)) as stream:
        if path.suffix not in DATA_ONLY or os.fstat(stream.fileno()).st_size <= 2 * ENDS:
            return hashlib.file_digest(stream, "sha256").hexdigest()
        ends = hashlib.sha256(stream.read(ENDS))
        stream.seek(-ENDS, os.SEEK_END)
        ends.update(stream.read(ENDS))
        return ends.hexdigest()
