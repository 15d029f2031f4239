"""CSV files that are safe to open in a spreadsheet: no cell of text is executed as a formula.

A text that a spreadsheet would take for a formula gets a leading apostrophe, which spreadsheets do not show. `plain` removes it
again when a table is read.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


def cell(value: Any) -> Any:
    """The content of a cell for a value: numbers unchanged, texts escaped so that none is a formula."""
    if not isinstance(value, str) or not FORMULA.match(value) or NUMBER.fullmatch(value):
        return value
    return f"'{value}"


def plain(value: Any) -> Any:
    """The value of a cell, without the apostrophe that `cell` added."""
    return value[1:] if isinstance(value, str) and value.startswith("'") and FORMULA.match(value[1:]) else value


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A table as CSV. A row's keys that are not columns are left out; columns that a row lacks are empty cells."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([cell(column) for column in columns])
    writer.writerows([cell(row.get(column, "")) for column in columns] for row in rows)
    return text.getvalue()


def frame_text(frame: pd.DataFrame) -> str:
    """A data frame as CSV without its index; numbers have six significant digits."""
    texts = frame.select_dtypes(exclude="number").columns
    shown = frame.assign(**{name: frame[name].map(cell) for name in texts}).rename(columns=cell)
    return shown.to_csv(index=False, float_format="%.6g")
