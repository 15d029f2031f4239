"""Escaping for Markdown pages, so that no text is taken for markup."""

from __future__ import annotations

import re
from collections.abc import Sequence

from admire.output.screen import printable

MARKS = re.compile(r"([\\`*\[\]|~#!])")
ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def inline(text: str) -> str:
    """A text escaped for a paragraph or a table's cell; line breaks become spaces."""
    escaped = MARKS.sub(r"\\\1", _one_line(text))
    return re.sub("[&<>]", lambda found: ENTITIES[found[0]], escaped)


def code(text: str) -> str:
    """A text as inline code, also for a table's cell; line breaks become spaces."""
    text = _one_line(text).replace("|", "\\|")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    blank = " " if "`" in text else ""
    return f"{fence}{blank}{text}{blank}{fence}"


def block(text: str) -> str:
    """A fenced block of code of one or more lines."""
    text = printable(text)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}\n{text}\n{fence}"


def row(cells: Sequence[str]) -> str:
    """A row of a table; the cells must be escaped already."""
    return f"| {' | '.join(cells)} |"


def _one_line(text: str) -> str:
    return printable(" ".join(str(text).split()))
