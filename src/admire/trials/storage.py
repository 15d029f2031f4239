"""Errors of storage: a full disk, a quota, a file system that is away. They say nothing about a trial, so they count neither as a
failed attempt nor as an outcome. Once they are fixed, the same command continues.

Libraries (safetensors, Arrow, torch) wrap the error of the operating system. So an error is recognised by its number, by its text,
or by the number or text of the errors that caused it.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from admire.errors import AdmireError, StorageError

LEAST = 64_000  # A disk with fewer free bytes counts as full: not even a record can be written to it.
FREE = "free some space"
MENDED = "see that it can be written again"
# error number -> (what is wrong, what the user can do)
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
# These are errors of storage only for files in the results folder, where without permission no outcome can be recorded.
REFUSED = (errno.EACCES, errno.EPERM)
# Libraries raise errors with these texts and without a number.
WORDS = {
    "PytorchStreamWriter failed writing file": errno.ENOSPC,
    "basic_ios::clear: iostream error": errno.ENOSPC,
    "file write failed": errno.ENOSPC,
} | {os.strerror(number): number for number in NUMBERS if number not in (errno.ENOTCONN, errno.ESHUTDOWN)}
# Sockets raise these as well, so they are errors of storage only if the error names a file.
SOCKETS = (errno.ENOTCONN, errno.ESHUTDOWN)


def trouble(error: BaseException, folder: Path) -> StorageError | None:
    """The error of storage behind an error, as one sentence; None if it has another cause.

    Args:
        folder: the folder that was being written to, in case the error names no file.
    """
    if isinstance(error, StorageError):
        return error
    for one in _led_to(error):
        number = _number(one, folder)
        if number is not None:
            return StorageError(_sentence(number, _place(one, folder)))
    # The error is not recognised. If the disk is full, that is nevertheless what has to be fixed first.
    known = isinstance(error, AdmireError) or not full(folder)
    return None if known else StorageError(_sentence(errno.ENOSPC, folder))


def full(folder: Path) -> bool:
    """Whether the disk of a folder has less than `LEAST` bytes free."""
    try:
        return shutil.disk_usage(_existing(folder)).free < LEAST
    except OSError:
        return False


def _sentence(number: int, place: Path) -> str:
    what, helps = NUMBERS.get(number, (f"it cannot be written ({os.strerror(number)})", MENDED))
    return f"{place}: {what}{_free(place)}; {helps}, then the same command goes on. Nothing finished was lost"


def _led_to(error: BaseException) -> Iterator[BaseException]:
    """The error, and the errors that led to it."""
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
    """The folder of the file that the error names, or `folder` if it names none."""
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
    """A number of bytes with a readable unit and three digits, such as `12.3 GB`."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"
