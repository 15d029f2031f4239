"""Checks that a chat template renders the content of each turn completely and unchanged, and finds its place in the text.

If turns have only role and content, marks in the same roles are rendered once, and the text must be the same with the contents in
the places of the marks. Any other row is rendered again with a mark in each turn, which is a character that no text of the row has.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import replace

from admire.data.chat_template import ChatTemplate, Rendered
from admire.data.conversation import Conversation
from admire.data.left_out import LeftOut

PRIVATE = (
    range(0xE000, 0xF900),
    range(0xF0000, 0xFFFFE),
    range(0x100000, 0x10FFFE),
)  # Unicode leaves these to private use
KEPT = 4096  # The text between contents is cached for so many sequences of roles.
SHOWN = 40  # Messages quote so many characters of the missing content.
VANISHED = "with a turn that the chat template renders to nothing"

Span = tuple[int, int]

Roles = tuple[tuple[str, bool], ...]
"""For each turn its role, and whether its content has more than blanks."""


class ContentCheck:
    """Checks that the rendered text of a conversation has the contents of all its turns, whole and unchanged."""

    def __init__(self, template: ChatTemplate) -> None:
        self._template = template
        self._pieces: dict[Roles, list[str] | None] = {}

    def missing(self, conversation: Conversation, rendered: Rendered) -> LeftOut | None:
        """Report the first turn whose content is missing or changed in the text; None if there is none."""
        if self._is_usual(conversation, rendered.text):
            return None
        found = places(conversation, rendered, self._template)
        return found if isinstance(found, LeftOut) else None

    def _is_usual(self, conversation: Conversation, text: str) -> bool:
        """Whether a text consists of the parts that the template writes for these roles, with the contents in between."""
        turns = conversation.turns
        if conversation.tools is not None or any(len(turn) > 2 for turn in turns):
            return False
        contents = [turn["content"] for turn in turns]
        stripped = [content.strip() for content in contents]
        roles = tuple((turn["role"], said != "") for turn, said in zip(turns, stripped, strict=True))
        if roles not in self._pieces:
            if len(self._pieces) == KEPT:
                self._pieces.clear()
            self._pieces[roles] = self._written(roles)
        pieces = self._pieces[roles]
        return pieces is not None and any(_between(pieces, said, roles) == text for said in (stripped, contents))

    def _written(self, roles: Roles) -> list[str] | None:
        """The parts that the template writes before, between and behind the contents of turns with these roles; None if it does not
        render each content exactly once and in order."""
        marks = [chr(PRIVATE[0][0] + number) for number in range(min(len(roles), len(PRIVATE[0])))]
        if len(marks) < len(roles):
            return None
        turns = [
            {"role": role, "content": mark if speaks else ""} for (role, speaks), mark in zip(roles, marks, strict=True)
        ]
        other = self._template.render(Conversation(turns))
        if isinstance(other, LeftOut):
            return None
        pieces = re.split(f"([{marks[0]}-{marks[-1]}])", other.text)
        speaking = [mark for (_, speaks), mark in zip(roles, marks, strict=True) if speaks]
        return pieces[::2] if pieces[1::2] == speaking else None


def _between(pieces: list[str], contents: list[str], roles: Roles) -> str:
    said = [content for content, (_, speaks) in zip(contents, roles, strict=True) if speaks]
    return "".join(itertools.chain.from_iterable(zip(pieces, said, strict=False))) + pieces[-1]


def places(conversation: Conversation, rendered: Rendered, template: ChatTemplate) -> dict[int, Span] | LeftOut:
    """Number of a turn -> the range of characters of its content in the text, without blanks at its ends, for all turns whose
    content is not blank; or a report on the first content that is missing or changed."""
    text, turns = rendered.text, conversation.turns
    speaking = [number for number, turn in enumerate(turns) if turn["content"].strip()]
    held = set(text).union(*(turn["content"] for turn in turns))
    free = (chr(point) for point in itertools.chain(*PRIVATE) if chr(point) not in held)
    marks = dict(zip(itertools.islice(free, len(speaking)), speaking, strict=False))
    wrong = None
    for position in (_before_the_last, _behind_the_first, _in_the_middle) if len(marks) == len(speaking) else ():
        at = {number: position(turns[number]["content"]) for number in speaking}
        marked = list(turns)
        for mark, number in marks.items():
            content = turns[number]["content"]
            marked[number] = turns[number] | {"content": content[: at[number]] + mark + content[at[number] :]}
        other = template.render(replace(conversation, turns=marked))
        if isinstance(other, LeftOut) or "".join(c for c in other.text if c not in marks) != text:
            continue
        found = ((place, marks[c]) for place, c in enumerate(other.text) if c in marks)
        stand = _standing(turns, text, at, {number: place - before for before, (place, number) in enumerate(found)})
        if isinstance(stand, dict):
            return stand
        wrong = wrong or stand
    return wrong or LeftOut(
        "of which the chat template's text cannot be told apart",
        "the parts of the chat template's text cannot be assigned to turns; name another one as tokenizer.chat_template, "
        "or take the row out",
    )


def _standing(turns: list[dict], text: str, at: dict[int, int], marks: dict[int, int]) -> dict[int, Span] | LeftOut:
    """The places of contents, computed from the places of marks in the text; or a report on the first content that is missing or
    changed.

    Args:
        at: number of a turn -> the position of its mark in the content.
        marks: number of a turn -> the position of its mark in the text.
    """
    stand: dict[int, Span] = {}
    for number, mark in at.items():
        content = turns[number]["content"]
        said, place = content.strip(), f"turn {number + 1} ({turns[number]['role']})"
        if number not in marks:
            return LeftOut(
                VANISHED,
                f"{place}: the chat template renders its content to nothing; name another one as tokenizer.chat_template",
            )
        low = marks[number] - (mark - (len(content) - len(content.lstrip())))
        if low < 0 or not text.startswith(said, low):
            return LeftOut(
                "with a turn that the chat template changes",
                f"{place}: the chat template changes its content, of which {_lost(said, text)} does not stand in the text; "
                "name another one as tokenizer.chat_template, or correct the row",
            )
        stand[number] = (low, low + len(said))
    return stand


def _lost(said: str, text: str) -> str:
    """The first line of a content that is not in the text, or else the whole content, cut to SHOWN characters, as JSON."""
    line = next((line for line in said.splitlines() if line.strip() not in text), said)
    return json.dumps(line.strip()[:SHOWN], ensure_ascii=False)


def _before_the_last(content: str) -> int:
    return len(content.rstrip()) - 1


def _behind_the_first(content: str) -> int:
    return len(content) - len(content.lstrip()) + 1


def _in_the_middle(content: str) -> int:
    return (_before_the_last(content) + _behind_the_first(content)) // 2
