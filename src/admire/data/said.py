"""Whether a chat template renders what each turn says, all of it and as it is given, and where it stands in the text.

A row of turns that have only role and content is told by the text of neutral words in the same roles: it differs in what is said
and in nothing else. Any other row is rendered once more with a mark in each turn, a character that no text of the row holds.
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
KEPT = 4096  # sequences of roles of which the neutral text is kept
SHOWN = 40  # characters of what is missing
VANISHED = "with a turn that the chat template renders to nothing"

Span = tuple[int, int]

Roles = tuple[tuple[str, bool], ...]
"""For each turn its role, and whether it says something."""


class Said:
    """Checks that all contents of a conversation stand in its text."""

    def __init__(self, template: ChatTemplate) -> None:
        self._template = template
        self._pieces: dict[Roles, list[str] | None] = {}

    def missing(self, conversation: Conversation, rendered: Rendered) -> LeftOut | None:
        """What a turn says and the text does not, None where nothing is missing."""
        if self._is_usual(conversation, rendered.text):
            return None
        found = places(conversation, rendered, self._template)
        return found if isinstance(found, LeftOut) else None

    def _is_usual(self, conversation: Conversation, text: str) -> bool:
        """Whether a text is what the template writes for such roles, with what is said here in between."""
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
        """What the template writes before, between and behind what such turns say; None if it renders not each once, in order."""
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
    """For each turn that says something, where it stands in the text, blanks at its ends aside; or what does not stand there."""
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
        "which part of the chat template's text is of which turn cannot be told; name another one as tokenizer.chat_template, "
        "or take the row out",
    )


def _standing(turns: list[dict], text: str, at: dict[int, int], marks: dict[int, int]) -> dict[int, Span] | LeftOut:
    """Where each turn stands, from where the mark at `at` of its content came to be in the text; or the first that is changed."""
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
                "name another one as tokenizer.chat_template, or mend the row",
            )
        stand[number] = (low, low + len(said))
    return stand


def _lost(said: str, text: str) -> str:
    """The first line of what is said that a text has not, or else all of it, cut to what can be read."""
    line = next((line for line in said.splitlines() if line.strip() not in text), said)
    return json.dumps(line.strip()[:SHOWN], ensure_ascii=False)


def _before_the_last(content: str) -> int:
    return len(content.rstrip()) - 1


def _behind_the_first(content: str) -> int:
    return len(content) - len(content.lstrip()) + 1


def _in_the_middle(content: str) -> int:
    return (_before_the_last(content) + _behind_the_first(content)) // 2
