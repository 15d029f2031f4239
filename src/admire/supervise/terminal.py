"""Output to the terminal in which a supervisor was started, and which may be closed before the supervisor ends."""

from __future__ import annotations

import os
import sys


def show(text: str) -> None:
    """Write to the terminal.

    Once the terminal is gone, stderr is redirected to /dev/null: otherwise Python's final flush would make the exit code 120.
    """
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
