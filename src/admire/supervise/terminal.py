"""The terminal that a supervisor was started in, and outlives."""

from __future__ import annotations

import os
import sys


def show(text: str) -> None:
    """Write to the terminal. Once it is gone everything goes nowhere, also what Python still holds: that would be this process's
    exit code (120) at its end."""
    try:
        sys.stderr.write(text)
        sys.stderr.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
