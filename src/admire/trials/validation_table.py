"""The table of held-out losses that are measured while a trial is trained, `validation.csv`: one row per measurement.

Its columns are step, tokens, seconds (spent inside the training loop so far, over all attempts), validation_seconds (spent on this
row), and one column `bits:<source>` per source, in bits per byte or, in fine-tuning, bits per assistant token.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from admire.output.spreadsheet import csv_text
from admire.trials.atomic_files import write_text

BITS = "bits:"


def read_validation(path: Path) -> list[dict[str, Any]]:
    """The rows of the table, column -> text; an empty list while there is no table."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write_validation(path: Path, rows: list[dict[str, Any]]) -> None:
    """Replace the whole table atomically, so that a reader never finds half a row."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    write_text(path, csv_text(columns, rows))
