"""A replay's table of methods, as the terminal and the page show it."""

from __future__ import annotations

import pandas as pd

NOTHING = "–"


def heads(summary: pd.DataFrame) -> list[str]:
    """Names of the columns."""
    marks = [f"regret at {mark}: recommended / best observed" for mark in _marks(summary)]
    return ["method", "seeds", "found", "observed", "recommended", *marks, "CPU-s a run"]


def rows(summary: pd.DataFrame) -> list[list[str]]:
    """A row a method of `summary`, as `admire.replay.summary.summary` makes it."""
    found = []
    for _, row in summary.iterrows():
        cells = [row["method"], f"{row['seeds']}", f"{row['found_share']:.0%}"]
        for what, share in (("observed", row["found_share"]), ("recommended", row["recommended_share"])):
            cells.append(_cost(row[f"cost_{what}_mean"], row[f"cost_{what}_se"], share))
        for mark in _marks(summary):
            kinds = (f"regret_at_{mark}", f"observed_regret_at_{mark}")
            cells.append(" / ".join(_with_error(row[kind], row[f"{kind}_se"], "{:.3f}") for kind in kinds))
        found.append([*cells, f"{row['seconds_per_run']:.1f}"])
    return found


def text(summary: pd.DataFrame) -> str:
    """The table for a terminal: regrets of the recommendation only, costs as their means."""
    lines = [["method", "seeds", "observed", "recommended", *(f"regret at {mark}" for mark in _marks(summary))]]
    for cells in rows(summary):
        regrets = [cell.partition(" / ")[0] for cell in cells[5:-1]]
        lines.append([cells[0], cells[1], *cells[3:5], *regrets])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))]
        )
        for line in lines
    )


def _marks(summary: pd.DataFrame) -> list[str]:
    names = [name.removeprefix("regret_at_") for name in summary if name.startswith("regret_at_")]
    return [name for name in names if not name.endswith("_se")]


def _cost(mean: float, stderr: float, share: float) -> str:
    """The mean over the seeds that got there, and their share where it is not all."""
    if pd.isna(mean):
        return "never"
    form = "{:,.0f}" if mean >= 100 else "{:.3g}"
    return _with_error(mean, stderr, form) + (f" ({share:.0%})" if share < 1 else "")


def _with_error(value: float, stderr: float, form: str) -> str:
    if pd.isna(value):
        return NOTHING
    return form.format(value) + ("" if pd.isna(stderr) else f" ± {form.format(stderr)}")
