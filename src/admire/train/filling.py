"""Rows without tokens, added so that all processes of a training have the same number of batches. They do not count in the loss.

Without them the library would repeat the first rows, and the last step of an epoch would depend on the number of processes.
"""

from __future__ import annotations

from typing import Any

from datasets import Dataset, concatenate_datasets

# A model cannot compute an empty batch, so this row stands in for it: one prediction, whose label excludes it from the loss.
NOTHING = {"input_ids": [0, 0], "labels": [-100, -100]}


def fill(rows: Dataset, multiple: int) -> Dataset:
    """Append rows without tokens until the number of rows is a multiple of `multiple`."""
    missing = -len(rows) % multiple
    if not missing:
        return rows
    without: dict[str, list[Any]] = {name: [[] if name != "bytes" else 0] * missing for name in rows.column_names}
    return concatenate_datasets([rows, Dataset.from_dict(without, features=rows.features)])


def filled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a batch that have tokens."""
    return [row for row in rows if len(row["input_ids"])]
