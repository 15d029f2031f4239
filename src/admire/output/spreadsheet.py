"""CSV files that people open in a spreadsheet: no cell of text is taken for a formula.

A text that begins with a character that spreadsheets obey gets an apostrophe before it, which they do not show; `plain` takes it
off again when a table is read.
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
    """What is written for a value: numbers as they are, texts so that none is a formula."""
    if not isinstance(value, str) or not FORMULA.match(value) or NUMBER.fullmatch(value):
        return value
    return f"'{value}"


def plain(value: Any) -> Any:
    """What was written, from what a cell holds."""
    return value[1:] if isinstance(value, str) and value.startswith("'") and FORMULA.match(value[1:]) else value


def csv_text(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> str:
    """A table as CSV. What a row has beyond the columns is left out, what it lacks is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([cell(column) for column in columns])
    writer.writerows([cell(row.get(column, "")) for column in columns] for row in rows)
    return text.getvalue()


def frame_text(frame: pd.DataFrame) -> str:
    """A frame as CSV, numbers with six digits, without its index."""
    texts = frame.select_dtypes(exclude="number").columns
    shown = frame.assign(**{name: frame[name].map(cell) for name in texts}).rename(columns=cell)
    return shown.to_csv(index=False, float_format="%.6g")
