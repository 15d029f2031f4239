"""The program in a model's answer: its first block of Python, or all of it where there is none.

A change here gives other scores for the same answers, so there are versions (`admire.campaign.answers`): a campaign keeps the one
that it began with, and evaluations are named by it.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

FIRST = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)  # version 1
# Markdown's blocks: a fence with words about the language, then all up to a fence that is as long, or to the end. Backticks may
# also open behind other text, as models write it.
OPENING = re.compile(r"^(?P<before>[^`\n]*?)(?P<fence>`{3,}|~{3,})[ \t]*(?P<words>[^`\n]*)\n", re.MULTILINE)
INDENTED = 3  # blanks that a fence may stand behind; so many are no part of the lines either
PYTHON = re.compile(r"\{?[ \t]*\.?(?:python|py|ipython|pycon)?[\d.]*(?:[\s,:{}].*)?", re.IGNORECASE)

_version: list[int] = []


@contextlib.contextmanager
def answers_read_by(version: int) -> Iterator[None]:
    """Have answers read by a version inside the block; by the first outside of any."""
    _version.append(version)
    try:
        yield
    finally:
        _version.pop()


def code_of(answer: str) -> str:
    """The first block of Python, or of no language, in an answer, or all of it where there is none."""
    if not _version or _version[-1] == 1:
        block = FIRST.search(answer)
        return block[1] if block else answer
    return _first_block(answer.replace("\r\n", "\n").replace("\r", "\n"))


def _first_block(text: str) -> str:
    """The same by the second version, of a text with plain line ends."""
    place = 0
    while opening := OPENING.search(text, place):
        place, before, fence = opening.end(), opening["before"], opening["fence"]
        python = bool(PYTHON.fullmatch(opening["words"].strip()))
        if before.strip() and not (python and fence[0] == "`"):
            continue  # a line that only mentions a fence
        end = text.find(fence, place)
        end = end if end >= 0 else len(text)
        code, line_end = text[place:end], text.find("\n", end)
        place = line_end if line_end >= 0 else len(text)
        if python:
            indent = len(before) if not before.strip() and len(before) <= INDENTED else 0
            return re.sub(rf"^ {{0,{indent}}}", "", code, flags=re.MULTILINE)
    return text
