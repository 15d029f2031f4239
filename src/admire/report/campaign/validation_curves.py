"""Figure: held-out losses during training of the best, a medium and the worst mixture (figure 8 of arXiv 2508.11551)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from admire.campaign.schema.evaluation import DomainLoss
from admire.report import style
from admire.report.campaign.results import CampaignResults
from admire.trials.ledger import Trial
from admire.trials.validation_table import BITS, read_validation

TITLE = "Held-out losses while trials were trained"
CAPTION = (
    "The best, a medium and the worst trial of a size by their final objective; lower is better. The upper axis is the cost up to "
    "that step. Every trial has such a table, share_1/validation.csv in its folder."
)
PANELS = 3  # sources drawn, at most
WIDTH = 9.0  # inches, of all panels together


@dataclass(frozen=True)
class Table:
    """The validation during one trial's training.

    Attributes:
        rows: rows of its `validation.csv`, as text.
        score: its objective after training.
        planned_steps: optimiser steps of the whole training.
    """

    trial: Trial
    rows: list[dict[str, Any]]
    score: float
    planned_steps: int


LOOKS = {"best": style.RECOMMENDED, "medium": style.QUIET, "worst": style.PRIOR}


def draw(results: CampaignResults, folder: Path) -> Path:
    """Write `validation.svg` and `.png`: one panel per source, for those with the largest weights in the objective."""
    model, tables = _of_one_size(results)
    sources = _sources(results, tables)
    with style.figure(height=3.2, columns=max(len(sources), 1), width=WIDTH) as (made, axes):
        if not sources:
            style.note(axes[0], "No finished trial was validated while it was trained.")
            return style.save(made, folder, "validation")
        for name, table in _chosen(tables).items():
            label = f"{name}: {table.score:.4f} ({table.trial.spec.digest[:8]})"
            for ax, source in zip(axes, sources, strict=True):
                line: dict[str, Any] = {"color": LOOKS[name], "marker": "o", "markersize": 3, "label": label}
                ax.plot(_column(table.rows, "step"), _column(table.rows, f"{BITS}{source}"), **line)
        per_step = results.campaign.model(model).cost / max(table.planned_steps for table in tables)
        unit = "byte" if results.campaign.training.kind == "pretrain" else "assistant token"
        for ax, source in zip(axes, sources, strict=True):
            ax.set(xlabel=f"optimiser steps of {model}", ylim=_limits(ax))
            ax.set_xlim(left=0)
            ax.text(0.97, 0.95, source, transform=ax.transAxes, ha="right", va="top", weight="bold")
            cost = ax.secondary_xaxis("top", functions=_between_steps_and_cost(per_step))
            cost.set_xlabel(results.campaign.budget.unit)
        axes[0].set_ylabel(f"bits per {unit}")
        made.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(LOOKS))
        return style.save(made, folder, "validation")


def _of_one_size(results: CampaignResults) -> tuple[str, list[Table]]:
    """The dearest size with enough validated trials to choose from, or the one with most, and their tables."""
    by_size: dict[str, list[Table]] = {model.name: [] for model in results.campaign.models}
    for trial in results.ledger.trials:
        # At the same step, a shorter training has another learning rate than a whole one, so their losses are not comparable.
        if trial.share != 1:
            continue
        rows = read_validation(trial.files(results.campaign.results).validation())
        score = results.score(trial)
        if rows and score is not None and trial.record is not None:
            by_size[trial.model].append(Table(trial, rows, score, trial.record.planned_steps))
    return max(by_size.items(), key=lambda size: (min(len(size[1]), len(LOOKS)), results.campaign.model(size[0]).cost))


def _sources(results: CampaignResults, tables: list[Table]) -> list[str]:
    """At most `PANELS` sources that every table has, ordered by the weight of their loss in the objective, largest first."""
    weights: dict[str, float] = {}
    for metric, weight in results.campaign.objective.items():
        suite, _, source = metric.partition("/")
        if isinstance(results.campaign.evaluation[suite], DomainLoss):
            weights[source] = max(abs(weight), weights.get(source, 0.0))
    found = [name for name in results.names if tables and all(f"{BITS}{name}" in table.rows[0] for table in tables)]
    return sorted(found, key=lambda name: -weights.get(name, 0.0))[:PANELS]


def _chosen(tables: list[Table]) -> dict[str, Table]:
    """The best, the medium and the worst table by score; fewer if there are fewer tables."""
    ranked = sorted(tables, key=lambda table: -table.score)
    places = {"best": 0, "worst": len(ranked) - 1, "medium": len(ranked) // 2}
    taken: dict[int, str] = {}
    for name, place in places.items():
        taken.setdefault(place, name)
    return {name: ranked[place] for place, name in sorted(taken.items())}


def _column(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    """A column of a table, NaN where it is empty."""
    return np.array([float(row[name] or "nan") for row in rows])


def _between_steps_and_cost(per_step: float) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """The conversion from steps (an array) to their cost, and its inverse."""
    return (lambda steps: steps * per_step), (lambda cost: cost / per_step)


def _limits(ax: Any) -> tuple[float, float]:
    """Limits of the y axis: those of the last three quarters of each line, because the first losses may be far higher."""
    later = np.concatenate([line.get_ydata()[len(line.get_ydata()) // 4 :] for line in ax.get_lines()])
    margin = 0.1 * (np.nanmax(later) - np.nanmin(later) or 1)
    return np.nanmin(later) - margin, np.nanmax(later) + margin
