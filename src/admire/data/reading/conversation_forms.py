"""Converts the forms in which rows have conversations into the one form that is prepared.

A cell may be a list of turns, or a mapping with such a list (`messages` or `conversations`, and beside it `tools` and `system`), or
one of these as JSON text.
"""

from __future__ import annotations

from typing import Any

from admire.data.conversation import Conversation
from admire.data.reading.extra_columns import SYSTEM, TOOLS, check_extra_columns, with_system
from admire.data.reading.strict_json import decoded_once
from admire.data.reading.turns import WANTED, as_json, is_plain, turn_of
from admire.data.reading.unusable import Unusable

INSIDE = ("messages", "conversations")


def conversation_of(value: Any, extra: dict[str, Any], ignored: frozenset[str], filled: bool = False) -> Conversation:
    """The conversation in a cell.

    Args:
        value: the cell.
        extra: the row's values in columns of `EXTRA_COLUMNS`, which could change the meaning of the conversation.
        ignored: keys that the user wants to ignore, in all turns and columns.
        filled: whether the row's file fills in null for keys that a mapping lacks, as Parquet does.

    Raises:
        Unusable: if the cell is not a conversation; the message has the turn, the key and the fix.
    """
    check_extra_columns(extra, ignored)
    tools, tools_filled, prompts = extra.get(TOOLS), filled, [extra.get(SYSTEM)]
    if isinstance(value, str):
        value, filled = _decoded(value), False
    if isinstance(value, dict):
        value, inner = _inside(value, ignored)
        if TOOLS in inner:
            tools, tools_filled = inner[TOOLS], filled
        prompts.append(inner.get(SYSTEM))
        if isinstance(value, str):
            value, filled = _decoded(value), False
    if not isinstance(value, list):
        raise Unusable("no_conversation", f"{WANTED}, found {type(value).__name__}")
    if not value:
        raise Unusable("no_conversation", f"{WANTED}, and this one has no turns", "correct it or take it out")
    if all(map(is_plain, value)):
        turns, learnt = [{"role": turn["role"], "content": turn["content"]} for turn in value], None
    else:
        made = [turn_of(turn, number, ignored, filled) for number, turn in enumerate(value, 1)]
        turns, marks = [turn for turn, _ in made], [mark for _, mark in made]
        learnt = None if all(mark is None for mark in marks) else [mark is not False for mark in marks]
    if SYSTEM not in ignored and any(prompts):
        before, turns = len(turns), with_system(turns, prompts)
        learnt = learnt and [True] * (len(turns) - before) + learnt
    kept = tools is not None and TOOLS not in ignored
    return Conversation(turns, learnt, _tools(tools, tools_filled) if kept else None)


def _decoded(value: str) -> Any:
    try:
        found = decoded_once(value, "the conversation", "turn")
    except (ValueError, RecursionError):
        raise Unusable("no_conversation", f"{WANTED}, found text that is not JSON") from None
    if isinstance(found, list | dict):
        return found
    raise Unusable("no_conversation", f"{WANTED}, found {type(found).__name__} in JSON text")


def _inside(value: dict[str, Any], ignored: frozenset[str]) -> tuple[Any, dict[str, Any]]:
    """The turns in a mapping that holds them, and the tools and the system prompt beside them."""
    present = {key: inner for key, inner in value.items() if inner is not None and key not in ignored}
    keys = [key for key in INSIDE if key in present]
    if len(keys) != 1:
        found = " and ".join(keys) or f"only {', '.join(map(str, value)) or 'nothing'}"
        raise Unusable("no_conversation", f"{WANTED}, or a mapping with `messages` or `conversations`; found {found}")
    for key in present.keys() - {*keys, TOOLS, SYSTEM}:
        raise Unusable.unknown(key, "beside the turns")
    return present[keys[0]], present


def _tools(value: Any, filled: bool) -> list[Any] | None:
    """The list of mappings that is passed to the template as `tools`. In the source the list, or each tool, may be JSON text."""
    try:
        if isinstance(value, str) and value.strip():
            value, filled = decoded_once(value, "`tools`"), False
        if isinstance(value, list):
            filled = filled and not any(isinstance(tool, str) for tool in value)
            value = [decoded_once(tool, "`tools`") if isinstance(tool, str) else tool for tool in value]
    except (ValueError, RecursionError):
        raise Unusable("tools", "`tools` is text that is not JSON") from None
    if not value:
        return None
    if not isinstance(value, list) or not all(isinstance(tool, dict) for tool in value):
        raise Unusable("tools", f"`tools` is no list of mappings but {type(value).__name__}")
    return as_json(value, "tools", filled)
