"""Finds the program in a model's answer: its first block of Python, or the whole answer if it has no such block.

A change here would give other scores for the same answers, so there are versions (`admire.campaign.answers`). A campaign keeps the
version that it began with, and the version is part of the digests of evaluations.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

VERSION_1 = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
# This is how a block of Markdown opens: with a fence and the name of a language. It ends at a fence that is as long, or at the end
# of the answer. A fence of backticks may also follow other text on its line, because models write it so.
OPENING = re.compile(r"^(?P<before>[^`\n]*?)(?P<fence>`{3,}|~{3,})[ \t]*(?P<words>[^`\n]*)\n", re.MULTILINE)
INDENTED = 3  # A fence may be indented by so many blanks, which are then removed from each line of the block.
PYTHON = re.compile(r"\{?[ \t]*\.?(?:python|py|ipython|pycon)?[\d.]*(?:[\s,:{}].*)?", re.IGNORECASE)

_version: list[int] = []


@contextlib.contextmanager
def answers_read_by(version: int) -> Iterator[None]:
    """Inside the block, `code_of` finds programs by this version; outside of any block, by version 1."""
    _version.append(version)
    try:
        yield
    finally:
        _version.pop()


def code_of(answer: str) -> str:
    """The first block of an answer whose language is Python or not named; the whole answer if there is no such block."""
    if not _version or _version[-1] == 1:
        block = VERSION_1.search(answer)
        return block[1] if block else answer
    return _first_block(answer.replace("\r\n", "\n").replace("\r", "\n"))


def _first_block(text: str) -> str:
    r"""`code_of` by version 2, for a text whose lines end in `\n`."""
    place = 0
    while opening := OPENING.search(text, place):
        place, before, fence = opening.end(), opening["before"], opening["fence"]
        python = bool(PYTHON.fullmatch(opening["words"].strip()))
        if before.strip() and not (python and fence[0] == "`"):
            continue  # This line only mentions a fence.
        end = text.find(fence, place)
        end = end if end >= 0 else len(text)
        code, line_end = text[place:end], text.find("\n", end)
        place = line_end if line_end >= 0 else len(text)
        if python:
            indent = len(before) if not before.strip() and len(before) <= INDENTED else 0
            return re.sub(rf"^ {{0,{indent}}}", "", code, flags=re.MULTILINE)
    return text
