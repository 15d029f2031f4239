"""Columns beside a conversation that change its meaning. Tools and system prompt are used; a row with others is refused."""

from __future__ import annotations

from typing import Any

from admire.data.reading.unusable import Unusable

TOOLS, SYSTEM = "tools", "system"
MARKS = ("weight", "train", "training")  # Values of 1 and true are accepted, because they change nothing.
UNKNOWN = (*MARKS, "weights", "functions", "documents", "chat_template_kwargs")
EXTRA_COLUMNS = (TOOLS, SYSTEM, *UNKNOWN)
EMPTY = ("", "[]", "{}", "null")


def check_extra_columns(columns: dict[str, Any], ignored: frozenset[str]) -> None:
    """Refuse a row with a column that would change the meaning of its conversation and is not supported.

    Args:
        columns: the columns beside the conversation, with their values.
        ignored: the columns that the user wants to ignore.

    Raises:
        Unusable: if there is such a column; the message names it.
    """
    for name in UNKNOWN:
        value = columns.get(name)
        if value is None or name in ignored or (name in MARKS and value in (1, True)):
            continue
        if (value.strip() if isinstance(value, str) else value) in ([], {}, *EMPTY):
            continue
        raise Unusable("beside", f"the column '{name}' would change what the conversation beside it means", key=name)


def with_system(turns: list[dict[str, Any]], prompts: list[Any]) -> list[dict[str, Any]]:
    """Put the system prompt that a row has beside its turns before the first turn, unless the turns include it.

    Args:
        turns: the turns of the conversation.
        prompts: the values of `system` in the row and in the mapping that has the turns; None for a missing one.

    Raises:
        Unusable: if a prompt is not text, or differs from the other one or from that among the turns.
    """
    for prompt in prompts:
        if not isinstance(prompt, str | None):
            raise Unusable(
                "other_type", f"`system` beside the turns is no text but {type(prompt).__name__}", key=SYSTEM
            )
    texts = {prompt.strip(): prompt for prompt in prompts if prompt and prompt.strip()}
    own = {turn["content"].strip() for turn in turns if turn["role"] == "system"} if texts else set()
    if len(texts) > 1 or (own and not texts.keys() <= own):
        raise Unusable("two_forms", "`system` beside the turns is another one than their own", key=SYSTEM)
    return turns if own or not texts else [{"role": "system", "content": next(iter(texts.values()))}, *turns]
