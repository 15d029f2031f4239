"""A conversation as it is prepared, whatever form it had in its source; a document is a text or a conversation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation.

    Attributes:
        turns: n turns, exactly what the chat template gets as `messages`: each has `role` and `content` (both str; the content
            is "" where only a tool call stands), and those of `name`, `tool_calls`, `tool_call_id`, `reasoning_content` and
            their like that the source has. What is absent or null in the source is no key here.
        learnt: for each of the n turns, whether the source lets it count in the loss (`weight: 0`, `train: false`); None where
            the source says nothing, which lets all of them count.
        tools: what the chat template gets as `tools`; None where the source has none.
    """

    turns: list[dict[str, Any]]
    learnt: list[bool] | None = None
    tools: list[Any] | None = None

    @property
    def texts(self) -> Iterator[str]:
        """Each turn's content, and what else the turns say as text: reasoning, names, tool calls."""
        for turn in self.turns:
            yield turn["content"]
            if len(turn) > 2:
                yield from _texts_in([value for key, value in turn.items() if key not in ("role", "content")])

    def identity(self) -> bytes:
        """What makes two conversations the same one: the turns and the tools in order, not what is learnt of them.

        Of turns that have only role and content these are the bytes of `[[role, content], ...]`, by which documents were dealt to
        splits ever since.

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
    """The texts at any depth of a JSON value, the keys of its objects aside."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts_in(inner)
