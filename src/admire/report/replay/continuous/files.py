"""Writes the folder of a replay in the continuous space: page, tables, figures and settings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from admire import __version__
from admire.output.spreadsheet import frame_text
from admire.replay.continuous.on_emulators import ContinuousResult
from admire.report.replay import purchases as purchases_figure
from admire.report.replay.continuous import page
from admire.report.replay.continuous import regret as regret_figure
from admire.trials.atomic_files import write_json, write_text
from admire.trials.records import provenance


def write(result: ContinuousResult, out: Path, asked: Mapping[str, object]) -> None:
    """Write `README.md`, `summary.csv`, `curves.csv`, `purchases.csv`, `settings.json` and the figures.

    Args:
        result: the finished replay.
        out: an existing folder.
        asked: the command's options, which the page repeats.
    """
    plan, table = result.plan, result.plan.table
    lines, curves, purchases = result.summary(), result.curves(), result.purchases()
    for name, frame in (("summary", lines), ("curves", curves), ("purchases", purchases)):
        write_text(out / f"{name}.csv", frame_text(frame))
    regret_figure.draw(curves, plan.world.baseline_regret_sd, out)
    if len(purchases):
        purchases_figure.draw(purchases, list(plan.methods), table.sizes, table.unit, out)
    world, config = plan.world, plan.config
    settings = {
        "asked": {key: str(value) if isinstance(value, Path) else value for key, value in asked.items()},
        "table": table.name,
        "unit": table.unit,
        "target_cost": table.costs[table.target],
        "objective": config.objective,
        "emulator": config.emulator,
        "mislead": config.mislead,
        "lanes": config.lanes,
        "initial": world.problem.initial,
        "budget": plan.extent.budget,
        "marks": list(plan.extent.marks),
        "best": world.best,
        "baseline": world.baseline,
        "spread": world.spread,
        "baseline_regret_sd": world.baseline_regret_sd,
        "passed": result.passed(),
        "sizes": [
            {"name": name, "cost": cost, "rank_correlation": agreement, "noise_sd": noise}
            for name, cost, agreement, noise in zip(
                table.sizes, table.costs, world.agreement, world.objective_noise_sd, strict=True
            )
        ],
        "methods": list(plan.methods),
        "skipped": list(plan.skipped),
        "pictures": ["replay", *(["purchases"] if len(purchases) else [])],
        "version": __version__,
        "provenance": provenance("torch", "botorch", "scikit-learn", "lightgbm"),
    }
    write_json(out / "settings.json", settings)
    write_text(out / "README.md", page.render(lines, settings))
