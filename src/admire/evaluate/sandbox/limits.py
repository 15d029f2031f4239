"""How much a program may use. A program that exceeds a limit is ended and does not pass."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Limits of one program, including all processes that it starts.

    Attributes:
        seconds: wall time, including imports of libraries; also CPU time per process.
        address_space: bytes per process; it is large because scientific libraries map gigabytes that they do not use.
        memory: resident bytes of all its processes together.
        file_bytes: size of one file.
        folder_bytes: size of all files in its folder together.
        processes: number of processes at the same time.
        open_files: file descriptors per process.
        message_bytes: size of one value that is passed between the program and the judge.
    """

    seconds: float = 20.0
    address_space: int = 8192 * MEGABYTE
    memory: int = 4096 * MEGABYTE
    file_bytes: int = 64 * MEGABYTE
    folder_bytes: int = 256 * MEGABYTE
    processes: int = 64
    open_files: int = 256
    message_bytes: int = 64 * MEGABYTE
