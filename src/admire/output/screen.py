"""Text for a terminal or a log: control characters are shown instead of taking effect, and secrets are masked."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, TextIO

from admire.output.credentials import masked

# C0 and C1 control characters except tab and line feed, and Unicode's bidirectional formatting, which reorders displayed text.
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
MOST_SAID = 4000  # an error message is cut to about this many characters
# The two controls that progress bars need: carriage return and cursor up.
BAR = re.compile(r"(\r|\x1b\[A)")


def printable(text: str) -> str:
    """Masked text of one or more lines, its control characters written out as Python escapes, such as `\\x1b`."""
    return CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), masked(text))


def sentence(text: str) -> str:
    """An error message as one line, in which line breaks are written out as `\\n`.

    A message of more than `MOST_SAID` characters loses its middle.
    """
    line = text.strip().replace("\n", "\\n")
    half = MOST_SAID // 2
    return printable(line if len(line) <= MOST_SAID else f"{line[:half]} [...] {line[-half:]}")


class Screen:
    """A text stream that passes only `printable` text on to another.

    Args:
        stream: the stream to write to.
        bars: whether to let through the control characters that progress bars need.
    """

    def __init__(self, stream: TextIO, bars: bool = False) -> None:
        self._stream, self._bars = stream, bars

    def write(self, text: str) -> int:
        """Write the text; returns the length of the text that was passed."""
        parts = BAR.split(text) if self._bars else [text]
        self._stream.write("".join(part if i % 2 else printable(part) for i, part in enumerate(parts)))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write texts one after another."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard_streams() -> None:
    """Replace this process's standard output and standard error by a `Screen` each."""
    sys.stdout = Screen(sys.stdout)
    sys.stderr = Screen(sys.stderr, bars=True)


def say_error(words: str) -> None:
    """Print to standard error, or to standard output if standard error cannot be written, say a log on a full disk."""
    try:
        print(words, file=sys.stderr, flush=True)
    except OSError:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - what it still holds has nowhere to go
        print(words, flush=True)
