"""The form into which conversations of all sources are brought. A document is a text or a conversation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation.

    Attributes:
        turns: n turns, passed to the chat template as `messages`. Each has `role` and `content` (both str; the content of a turn
            with only a tool call is ""), and those of `name`, `tool_calls`, `tool_call_id`, `reasoning_content` and similar
            keys that the source has. A key that is absent or null in the source is absent here.
        learnt: for each of the n turns, whether it may count in the loss (not if the source has `weight: 0` or `train: false`);
            None if the source has no such key, and then all turns may.
        tools: passed to the chat template as `tools`; None if the source has none.
    """

    turns: list[dict[str, Any]]
    learnt: list[bool] | None = None
    tools: list[Any] | None = None

    @property
    def texts(self) -> Iterator[str]:
        """Each turn's content, and all other texts of the turns: reasoning, names, tool calls."""
        for turn in self.turns:
            yield turn["content"]
            if len(turn) > 2:
                yield from _texts_in([value for key, value in turn.items() if key not in ("role", "content")])

    def identity(self) -> bytes:
        """The bytes by which conversations are compared and assigned to splits: turns and tools in order, without `learnt`.

        For turns with only role and content, these are the bytes of `[[role, content], ...]`. That must not change, since
        conversations would otherwise move to other splits.

        Raises:
            UnicodeEncodeError: for unpaired surrogates.
        """
        turns: list[Any] = []
        for turn in self.turns:
            plain = [turn["role"], turn["content"]]
            if len(turn) > 2:
                plain.append({key: value for key, value in turn.items() if key not in ("role", "content")})
            turns.append(plain)
        content = turns if self.tools is None else {"turns": turns, "tools": self.tools}
        return json.dumps(content, ensure_ascii=False, sort_keys=True).encode()


Document = str | Conversation


def _texts_in(value: Any) -> Iterator[str]:
    """The texts at any depth of a JSON value, without the keys of its objects."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(inner)
