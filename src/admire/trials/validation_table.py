"""The table of held-out losses that a trial leaves while it is trained, `validation.csv`: a row each time.

Its columns: step, tokens, seconds (inside the training loop so far, of all attempts), validation_seconds (that this row took),
and a column `bits:<source>` a source: bits per byte, in fine-tuning bits per assistant token.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from admire.output.spreadsheet import csv_text
from admire.trials.atomic_files import write_text

BITS = "bits:"


def read_validation(path: Path) -> list[dict[str, Any]]:
    """The rows, as text; none while there is no table."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def write_validation(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the whole table, so that a reader never meets half a row."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    write_text(path, csv_text(columns, rows))
