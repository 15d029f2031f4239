"""The items of our own lm-eval tasks (`config/tasks/*.yaml` name these functions), from `admire.data.skills`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from admire.data.skills import SKILLS

if TYPE_CHECKING:
    import datasets

ITEMS = 100  # of each task in each split


def items(skill: str, admire_split: str = "validation", **_metadata: Any) -> dict[str, datasets.Dataset]:
    """The items of a skill that no conversation teaches, as lm-eval's `custom_dataset` returns them.

    Args:
        skill: from the task file's `metadata`.
        admire_split: `validation` or `test`, as `admire evaluate --split` says.
    """
    import datasets

    rows = [
        {"question": item.question, "choices": item.choices, "answer": item.choices.index(item.answer)}
        for item in SKILLS[skill].items(admire_split, ITEMS)
    ]
    return {"items": datasets.Dataset.from_list(rows)}
