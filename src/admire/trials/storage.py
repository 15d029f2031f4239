"""Errors of storage: a full disk, a quota, a file system that is away. They say nothing about a trial, so they are no attempt and
no row; the same command goes on when they are mended.

Libraries wrap what the system said (safetensors, Arrow, torch), so an error is known by its number, by its words, or by those of
the errors that led to it.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from admire.errors import AdmireError, StorageError

LEAST = 64_000  # bytes; with less not even a record is written
FREE = "free some space"
MENDED = "see that it can be written again"
# number -> (what is so, what helps)
NUMBERS = {
    errno.ENOSPC: ("the disk is full", FREE),
    errno.EDQUOT: ("the disk quota is used up", FREE),
    errno.EFBIG: (
        "the file would be larger than may be written here",
        "raise the limit (`ulimit -f`), or free some space",
    ),
    errno.EROFS: ("the file system is read-only", MENDED),
    errno.ESTALE: ("the file system forgot an open file", "see that it is mounted everywhere"),
    errno.EIO: ("the disk or its file system reports errors", MENDED),
    errno.EREMOTEIO: ("the disk or its file system reports errors", MENDED),
    errno.ENOTCONN: ("the file system is away", "see that it is mounted"),
    errno.ESHUTDOWN: ("the file system is away", "see that it is mounted"),
}
REFUSED = (errno.EACCES, errno.EPERM)  # of the results folder: then nothing could be recorded anyway
# what libraries say without a number
WORDS = {
    "PytorchStreamWriter failed writing file": errno.ENOSPC,
    "basic_ios::clear: iostream error": errno.ENOSPC,
    "file write failed": errno.ENOSPC,
} | {os.strerror(number): number for number in NUMBERS if number not in (errno.ENOTCONN, errno.ESHUTDOWN)}
SOCKETS = (errno.ENOTCONN, errno.ESHUTDOWN)  # which sockets say too: only with a file they are of storage


def trouble(error: BaseException, folder: Path) -> StorageError | None:
    """What an error says of storage, in a sentence; None when it is of something else.

    Args:
        folder: where was being written, unless the error names a file.
    """
    if isinstance(error, StorageError):
        return error
    for one in _led_to(error):
        number = _number(one, folder)
        if number is not None:
            return StorageError(_sentence(number, _place(one, folder)))
    # words that nobody knows: where nothing can be written, that is what has to be mended first
    known = isinstance(error, AdmireError) or not full(folder)
    return None if known else StorageError(_sentence(errno.ENOSPC, folder))


def full(folder: Path) -> bool:
    """Whether there is no room to speak of."""
    try:
        return shutil.disk_usage(_existing(folder)).free < LEAST
    except OSError:
        return False


def _sentence(number: int, place: Path) -> str:
    what, helps = NUMBERS.get(number, (f"it cannot be written ({os.strerror(number)})", MENDED))
    return f"{place}: {what}{_free(place)}; {helps}, then the same command goes on. Nothing finished was lost"


def _led_to(error: BaseException) -> Iterator[BaseException]:
    """The error, and those that led to it."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__


def _number(error: BaseException, folder: Path) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        if error.errno in SOCKETS and error.filename is None:
            return None
        if error.errno in NUMBERS:
            return error.errno
        if error.errno in REFUSED and error.filename is not None:
            return error.errno if _results_of(folder) in Path(os.fsdecode(error.filename)).absolute().parents else None
    if (
        isinstance(error, (OSError, RuntimeError, ValueError, MemoryError))
        or "safetensors" in type(error).__module__.lower()
    ):
        return next((number for words, number in WORDS.items() if words in str(error)), None)
    said = str(error)
    return next((number for number in NUMBERS if f"os error {number})" in said), None)


def _results_of(folder: Path) -> Path:
    return next((above for above in folder.absolute().parents if above.name == "trials"), folder.absolute()).parent


def _place(error: BaseException, folder: Path) -> Path:
    """The folder of the file that could not be written, where the error names it."""
    name = getattr(error, "filename", None)
    return Path(os.fsdecode(name)).parent if isinstance(name, (str, bytes)) and name else folder


def _free(place: Path) -> str:
    try:
        return f" ({size(shutil.disk_usage(_existing(place)).free)} free there)"
    except OSError:
        return ""


def _existing(folder: Path) -> Path:
    return next((one for one in (folder, *folder.absolute().parents) if one.exists()), Path("/"))


def size(count: float) -> str:
    """Bytes as a person says them."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
