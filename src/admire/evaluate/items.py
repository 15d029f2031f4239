"""The items of the lm-eval tasks in `config/tasks/*.yaml`, whose files name this function; `admire.data.skills` makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from admire.data.skills import SKILLS

if TYPE_CHECKING:
    import datasets

ITEMS = 100  # Each task has so many items in each split.


def items(skill: str, admire_split: str = "validation", **_metadata: Any) -> dict[str, datasets.Dataset]:
    """The items of a skill, in the form that lm-eval expects of a `custom_dataset`. No training conversation contains them.

    Args:
        skill: a name in `admire.data.skills.SKILLS`, from the task file's `metadata`.
        admire_split: `validation` or `test`, from `admire evaluate --split`.
    """
    import datasets

    rows = [
        {"question": item.question, "choices": item.choices, "answer": item.choices.index(item.answer)}
        for item in SKILLS[skill].items(admire_split, ITEMS)
    ]
    return {"items": datasets.Dataset.from_list(rows)}
