"""Writes the folder of a replay: page, tables, figures and settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from admire import __version__
from admire.output.spreadsheet import frame_text
from admire.replay.on_table import ReplayResult
from admire.report.replay import page
from admire.report.replay import purchases as purchases_figure
from admire.report.replay import regret as regret_figure
from admire.trials.atomic_files import write_json, write_text
from admire.trials.records import provenance


def write(result: ReplayResult, out: Path, asked: Mapping[str, object]) -> None:
    """Write `README.md`, `summary.csv`, `curves.csv`, `purchases.csv`, `settings.json` and, if anything was bought, two figures.

    Args:
        result: the finished replay.
        out: an existing folder.
        asked: the command's options, which the page repeats.
    """
    plan, table = result.plan, result.plan.table
    lines, curves, purchases = result.summary(), result.curves(), result.purchases()
    for name, frame in (("summary", lines), ("curves", curves), ("purchases", purchases)):
        write_text(out / f"{name}.csv", frame_text(frame))
    if len(purchases):
        regret_figure.draw(curves, plan.until, table.unit, out)
        purchases_figure.draw(purchases, list(plan.methods), table.sizes, table.unit, out)
    settings = {
        "asked": {key: str(value) if isinstance(value, Path) else value for key, value in asked.items()},
        "table": table.name,
        "unit": table.unit,
        "pool": table.pool,
        "objective": plan.config.objective,
        "budget": plan.budget,
        "until": plan.until,
        "methods": list(plan.methods),
        "skipped": list(plan.skipped),
        "pictures": bool(len(purchases)),
        "version": __version__,
        "provenance": provenance("torch", "botorch"),
    }
    write_json(out / "settings.json", settings)
    write_text(out / "README.md", page.render(lines, settings))
