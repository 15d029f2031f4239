"""Text on a terminal or in a log: control characters are shown, not obeyed, and secrets are masked."""

from __future__ import annotations

import os
import re
import sys
from typing import Any, TextIO

from admire.output.credentials import masked

# C0 and C1 controls but tab and line feed, and the marks that reorder what is read (Unicode's bidirectional formatting).
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
MOST_SAID = 4000  # characters of a refusal
# What progress bars draw with: back to the line's beginning, up a line.
BAR = re.compile(r"(\r|\x1b\[A)")


def printable(text: str) -> str:
    """One or more lines of text whose control characters are written out as Python writes them, e.g. `\\x1b`."""
    return CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), masked(text))


def sentence(text: str) -> str:
    """A refusal as one line: line breaks that it quotes are written out, and of one so long that nobody would read it the
    beginning and the end are left."""
    line = text.strip().replace("\n", "\\n")
    half = MOST_SAID // 2
    return printable(line if len(line) <= MOST_SAID else f"{line[:half]} [...] {line[-half:]}")


class Screen:
    """A text stream that passes only `printable` text on to another.

    Args:
        stream: where it goes.
        bars: whether progress bars are drawn on it.
    """

    def __init__(self, stream: TextIO, bars: bool = False) -> None:
        self._stream, self._bars = stream, bars

    def write(self, text: str) -> int:
        """Write the text; returns its length as it was given."""
        parts = BAR.split(text) if self._bars else [text]
        self._stream.write("".join(part if i % 2 else printable(part) for i, part in enumerate(parts)))
        return len(text)

    def writelines(self, lines: Any) -> None:
        """Write one text after the other."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard_streams() -> None:
    """Put a `Screen` before this process's standard output and standard error."""
    sys.stdout = Screen(sys.stdout)
    sys.stderr = Screen(sys.stderr, bars=True)


def say_error(words: str) -> None:
    """Print to standard error; where that is a log on a full disk, to standard output, so that somebody reads it."""
    try:
        print(words, file=sys.stderr, flush=True)
    except OSError:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - what it still holds has nowhere to go
        print(words, flush=True)
