"""The tables of a replay in the continuous space, for the terminal and for the page: one column per mark, one row per method."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

NOTHING = "–"

Table = tuple[list[str], list[list[str]]]  # heads, and the cells of each row


def marks(summary: pd.DataFrame) -> list[str]:
    """Costs at which recommendations were judged, in trainings of the target."""
    return [name.removeprefix("worse_at_") for name in summary if name.startswith("worse_at_")]


def regret(summary: pd.DataFrame) -> Table:
    """Regret in standard deviations over mixtures."""
    return _table(summary, lambda row, mark: _with_error(row, f"regret_sd_at_{mark}", "{:.2f}"))


def worse(summary: pd.DataFrame) -> Table:
    """The share of the seeds whose recommendation is truly worse than the baseline mixture."""
    return _table(summary, lambda row, mark: _share(row[f"worse_at_{mark}"]))


def optimism(summary: pd.DataFrame) -> Table:
    """Predicted minus true, in predicted standard deviations, and the share of the intervals that contain the truth."""

    def cell(row: pd.Series, mark: str) -> str:
        if pd.isna(row[f"optimism_at_{mark}"]):
            return NOTHING
        return f"{_with_error(row, f'optimism_at_{mark}', '{:+.2f}')}, {_share(row[f'covered_at_{mark}'])}"

    return _table(summary, cell)


def text(summary: pd.DataFrame) -> str:
    """All tables for a terminal, each under its name."""
    said = {
        "regret of the recommendation, in standard deviations over mixtures, at costs in trainings of the target": regret,
        "seeds whose recommendation is truly worse than the baseline mixture": worse,
        "self-optimism (predicted - true, in predicted standard deviations), and 90 % intervals that hold the truth": optimism,
    }
    return "\n\n".join(f"{name}\n{_aligned(*table(summary))}" for name, table in said.items())


def _table(summary: pd.DataFrame, cell: Callable[[pd.Series, str], str]) -> Table:
    columns = marks(summary)
    rows = [[row["method"], str(row["seeds"]), *(cell(row, mark) for mark in columns)] for _, row in summary.iterrows()]
    return ["method", "seeds", *(f"at {mark}" for mark in columns)], rows


def _aligned(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, *rows]
    first, *others = (max(map(len, column)) for column in zip(*lines, strict=True))
    return "\n".join(
        "  ".join([line[0].ljust(first), *(cell.rjust(width) for cell, width in zip(line[1:], others, strict=True))])
        for line in lines
    )


def _with_error(row: pd.Series, name: str, form: str) -> str:
    value, se = row[name], row[f"{name}_se"]
    return form.format(value) + ("" if pd.isna(se) else f" ± {form.replace('+', '').format(se)}")


def _share(value: float) -> str:
    return f"{value:.0%}"
