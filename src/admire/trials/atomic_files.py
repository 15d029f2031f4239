"""Writing files atomically: a reader finds either the whole file or none."""

from __future__ import annotations

import errno
import json
import os
import stat
import tempfile
from pathlib import Path
from typing import IO, Any, Literal

from admire.errors import TrialError


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text as `write_bytes` does."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a temporary file beside `path`, flush it to disk and rename it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        # mkstemp creates files with mode 0600, but in a shared results folder the umask must decide.
        umask = os.umask(0)
        os.umask(umask)
        os.fchmod(handle, 0o666 & ~umask)
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        Path(temporary).replace(path)
    except BaseException as error:
        if os.path.exists(temporary):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)  # A failed write on an open file does not name it, and messages need the name.
        raise


def open_state(path: Path, mode: Literal["a", "ab"] = "a") -> IO[Any]:
    """Open a file to append to it or to lock it, and create it if it is missing. Links are refused: they could lead anywhere.

    Raises:
        TrialError: if the path is a link, or no regular file.
    """

    def opener(name: str, flags: int) -> int:
        return _regular(path, os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o666))

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return open(path, mode, encoding=None if "b" in mode else "utf-8", opener=opener)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise TrialError(f"{path}: is a link, and may lead to a file of somebody else; remove it") from None
        if error.errno == errno.ENXIO:  # A pipe that nobody reads.
            raise _not_regular(path) from None
        raise


def open_text(path: Path, errors: str = "strict") -> IO[str]:
    """Open a UTF-8 file, which may be reached by a link, to read it.

    Raises:
        TrialError: if it is a pipe or a device, because to open it could wait for ever, and to read it could have no end.
    """

    def opener(name: str, flags: int) -> int:
        return _regular(path, os.open(name, flags | os.O_NONBLOCK | os.O_CLOEXEC))

    return open(path, encoding="utf-8", errors=errors, opener=opener)


def read_text(path: Path, errors: str = "strict") -> str:
    """The content of a UTF-8 file, opened as `open_text` does."""
    with open_text(path, errors) as stream:
        return stream.read()


def _regular(path: Path, file: int) -> int:
    """The open file, if it is a regular one; otherwise it is closed."""
    kind = os.fstat(file).st_mode
    if stat.S_ISREG(kind):
        return file
    os.close(file)
    if stat.S_ISDIR(kind):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    raise _not_regular(path)


def _not_regular(path: Path) -> TrialError:
    return TrialError(f"{path}: is a pipe or a device where a file is expected; remove it")


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON. NaN is refused with a ValueError, so that every JSON reader can read the file."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file, as `read_text` reads it."""
    return json.loads(read_text(path))
