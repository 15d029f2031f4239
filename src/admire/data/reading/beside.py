"""Columns beside a conversation that change what it means: its tools and its system prompt are taken, others are named."""

from __future__ import annotations

from typing import Any

from admire.data.reading.unusable import Unusable

TOOLS, SYSTEM = "tools", "system"
MARKS = ("weight", "train", "training")  # 1 and true say what holds without them
UNKNOWN = (*MARKS, "weights", "functions", "documents", "chat_template_kwargs")
BESIDE = (TOOLS, SYSTEM, *UNKNOWN)
EMPTY = ("", "[]", "{}", "null")


def check_beside(columns: dict[str, Any], ignored: frozenset[str]) -> None:
    """Refuse a row with a column that would change its conversation, and that nothing here takes.

    Args:
        columns: what stands beside the conversation.
        ignored: those that the user wants left out.

    Raises:
        Unusable: names the column.
    """
    for name in UNKNOWN:
        value = columns.get(name)
        if value is None or name in ignored or (name in MARKS and value in (1, True)):
            continue
        if (value.strip() if isinstance(value, str) else value) in ([], {}, *EMPTY):
            continue
        raise Unusable("beside", f"the column '{name}' would change what the conversation beside it means", key=name)


def with_system(turns: list[dict[str, Any]], prompts: list[Any]) -> list[dict[str, Any]]:
    """The turns, with the system prompt that stands beside them before the first, unless they have it.

    Args:
        turns: those of the conversation.
        prompts: what stands under `system` beside them, and beside the mapping that holds them.

    Raises:
        Unusable: if it is no text, or another one than the conversation's own.
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
