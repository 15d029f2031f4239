"""Reading a CSV of runs. Cells that are missing, no number or no mixture are refused with the number of their line."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype

from admire.errors import TableError
from admire.output.spreadsheet import plain

SUM_TOLERANCE = 0.005  # published weights are rounded, so their sums are off by up to 0.003
AVERAGE_TOLERANCE = 1e-4  # a stated average may differ from the mean of its metrics by rounding


def read(path: Path, columns: Iterable[str] = (), named: Iterable[str] = ()) -> pd.DataFrame:
    """The file's rows that are not empty, indexed by their line numbers (the first row is line 2).

    Args:
        columns: columns that the file must have.
        named: columns of names, which are read as text even if they look like numbers.

    Raises:
        TableError: if the file cannot be read, has no rows, has two columns of one name or lacks a column.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            heads = [plain(head) for head in next(csv.reader(stream), [])]
        frame = pd.read_csv(path, dtype=dict.fromkeys(named, str), skip_blank_lines=False) if heads else pd.DataFrame()
        frame = frame.rename(columns=plain).apply(
            lambda column: column if is_numeric_dtype(column) else column.map(plain)
        )
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror}); name the CSV file") from None
    except UnicodeDecodeError:
        raise TableError(f"{path}: is not in UTF-8; save it as CSV in UTF-8") from None
    except pd.errors.ParserError as error:
        raise TableError(f"{path}: is no CSV ({' '.join(str(error).split())}); correct that line") from None
    if frame.empty:
        raise TableError(f"{path}: has no rows; a header and one line per run are needed")
    twice = [name for name in heads if heads.count(name) > 1]
    if twice:
        raise TableError(f"{path}: has two columns '{twice[0]}'; remove or rename one")
    for name in columns:
        if name not in frame:
            raise TableError(f"{path}: has no column '{name}'; it has {', '.join(heads[:6])} ... (commas between)")
    frame.index += 2
    return frame.dropna(how="all")


def line(frame: pd.DataFrame, bad: np.ndarray | pd.Series) -> int:
    """Line number in the file of the first row that is `bad` (n booleans)."""
    return int(frame.index[int(np.flatnonzero(bad)[0])])


def numbers(frame: pd.DataFrame, path: Path, missing: bool = False) -> np.ndarray:
    """All columns of `frame` as finite numbers (n x columns).

    Args:
        missing: whether empty cells are allowed; they become NaN.

    Raises:
        TableError: for the first cell that is no finite number.
    """
    found = frame.apply(pd.to_numeric, errors="coerce").astype(float)
    wrong = (found.isna() & (frame.notna() if missing else True)) | np.isinf(found)
    if wrong.to_numpy().any():
        column = str(wrong.columns[wrong.any().to_numpy()][0])
        place = line(frame, wrong[column])
        value = frame[column].loc[place]
        words = "empty; a number is needed" if pd.isna(value) else f"'{value}', not a finite number"
        raise TableError(f"{path}, line {place}: {column} is {words}")
    return found.to_numpy(dtype=float)


def above_zero(frame: pd.DataFrame, column: str, path: Path) -> pd.Series:
    """A column of numbers, all above zero.

    Raises:
        TableError: for the first cell that is not.
    """
    values = pd.Series(numbers(frame[[column]], path)[:, 0], index=frame.index)
    if (values <= 0).any():
        raise TableError(f"{path}, line {line(frame, values <= 0)}: {column} is not above zero; correct the row")
    return values


def names(frame: pd.DataFrame, column: str, path: Path) -> pd.Series:
    """A column of names, none of them empty.

    Raises:
        TableError: for the first empty cell.
    """
    if frame[column].isna().any():
        raise TableError(f"{path}, line {line(frame, frame[column].isna())}: {column} is empty; a name is needed")
    return frame[column]


def mixtures(frame: pd.DataFrame, path: Path) -> np.ndarray:
    """Columns of weights as mixtures (n x K), rescaled to sum to exactly 1.

    Raises:
        TableError: for the first row with a negative weight, or a sum further than `SUM_TOLERANCE` from 1.
    """
    weights = numbers(frame, path)
    total = weights.sum(1)
    below, off = (weights < 0).any(1), abs(total - 1) > SUM_TOLERANCE
    if below.any():
        raise TableError(f"{path}, line {line(frame, below)}: a weight is below zero; correct the row")
    if off.any():
        percent = (abs(total - 100) < 100 * SUM_TOLERANCE).all()
        mend = "divide them all by 100" if percent else "correct the row, or add the source that is missing"
        place, value = line(frame, off), total[off][0]
        raise TableError(
            f"{path}, line {place}: the weights sum to {value:.4f}, not to 1 (within {SUM_TOLERANCE}); {mend}"
        )
    return weights / total[:, None]


def wrong_averages(frame: pd.DataFrame, stated: str, metrics: list[str], path: Path) -> np.ndarray:
    """The rows (n booleans) in which the column `stated` is not the mean of `metrics`."""
    mean = numbers(frame[metrics], path, missing=True).mean(1)
    return abs(numbers(frame[[stated]], path, missing=True)[:, 0] - mean) > AVERAGE_TOLERANCE
