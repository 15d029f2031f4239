"""The table of methods of a replay, for the terminal and for the page."""

from __future__ import annotations

import pandas as pd

NOTHING = "–"


def heads(summary: pd.DataFrame) -> list[str]:
    """Names of the columns."""
    marks = [f"regret at {mark}: recommended / best observed" for mark in _marks(summary)]
    return ["method", "seeds", "found", "observed", "recommended", *marks, "CPU-s per run"]


def rows(summary: pd.DataFrame) -> list[list[str]]:
    """Cells of the table, one row per method of `summary`, which `admire.replay.summary.summary` makes."""
    found = []
    for _, row in summary.iterrows():
        pairs = [(f"regret_at_{mark}", f"observed_regret_at_{mark}") for mark in _marks(summary)]
        regrets = [" / ".join(_regret(row, name) for name in pair) for pair in pairs]
        share, seconds = f"{row['found_share']:.0%}", f"{row['seconds_per_run']:.1f}"
        found.append([row["method"], str(row["seeds"]), share, *_costs(row), *regrets, seconds])
    return found


def text(summary: pd.DataFrame) -> str:
    """A narrower table for a terminal, in which regrets are those of the recommendation only."""
    lines = [["method", "seeds", "observed", "recommended", *(f"regret at {mark}" for mark in _marks(summary))]]
    for _, row in summary.iterrows():
        regrets = [_regret(row, f"regret_at_{mark}") for mark in _marks(summary)]
        lines.append([row["method"], str(row["seeds"]), *_costs(row), *regrets])
    first, *others = (max(map(len, column)) for column in zip(*lines, strict=True))
    aligned = [
        [line[0].ljust(first), *(cell.rjust(width) for cell, width in zip(line[1:], others, strict=True))]
        for line in lines
    ]
    return "\n".join("  ".join(cells) for cells in aligned)


def _marks(summary: pd.DataFrame) -> list[str]:
    names = [name.removeprefix("regret_at_") for name in summary if name.startswith("regret_at_")]
    return [name for name in names if not name.endswith("_se")]


def _costs(row: pd.Series) -> list[str]:
    """Cells for the costs until the best row was observed and recommended.

    They are means over the seeds that got there, with the fraction of these seeds if it is not 1.
    """
    found = []
    for name, share in (("observed", row["found_share"]), ("recommended", row["recommended_share"])):
        mean, stderr = row[f"cost_{name}_mean"], row[f"cost_{name}_se"]
        form = "{:,.0f}" if mean >= 100 else "{:.3g}"
        said = _with_error(mean, stderr, form) + (f" ({share:.0%})" if share < 1 else "")
        found.append(said if share else "never")
    return found


def _regret(row: pd.Series, name: str) -> str:
    return NOTHING if pd.isna(row[name]) else _with_error(row[name], row[f"{name}_se"], "{:.3f}")


def _with_error(value: float, stderr: float, form: str) -> str:
    return form.format(value) + ("" if pd.isna(stderr) else f" ± {form.format(stderr)}")
