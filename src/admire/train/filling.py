"""Rows that count for nothing, so that each process of a training has as many batches as the others.

The library would repeat the first rows instead, and the last step of a pass would depend on the number of processes.
"""

from __future__ import annotations

from typing import Any

from datasets import Dataset, concatenate_datasets

# as a model takes it: two tokens, the second predicted from the first, and that does not count in the loss
NOTHING = {"input_ids": [0, 0], "labels": [-100, -100]}


def fill(rows: Dataset, multiple: int) -> Dataset:
    """The rows, and after them rows without tokens up to a multiple."""
    missing = -len(rows) % multiple
    if not missing:
        return rows
    without: dict[str, list[Any]] = {name: [[] if name != "bytes" else 0] * missing for name in rows.column_names}
    return concatenate_datasets([rows, Dataset.from_dict(without, features=rows.features)])


def filled(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A batch's rows with tokens."""
    return [row for row in rows if len(row["input_ids"])]
