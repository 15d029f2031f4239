"""Figure: the influence of each source on each metric at the target, as predicted by the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from admire.optimize.diagnostics import influence
from admire.report import style
from admire.report.campaign.results import CampaignResults

NEXT_TO_NOTHING = 0.005  # influences below this fraction of the largest in their column are shown as 0
TITLE = "Each source's influence on each metric"
CAPTION = (
    "Change of each metric at the target when a source goes from its least to its largest possible weight and the others "
    "keep the baseline mixture's proportions, as the surrogate predicts it. Blue is better for the objective; compare colours "
    "within a column only."
)


def draw(results: CampaignResults, folder: Path) -> Path:
    """Write `influence.svg` and `.png`: a heat map, sources x metrics; blue helps the objective, red harms it.

    A cell is the change of the predicted metric when the source goes from its least to its largest weight and the others keep
    the baseline mixture's proportions.
    """
    change = influence(results.problem, results.seen, results.kernels)
    known = np.isfinite(change).any(0)
    change, signs = change[:, known], np.sign(results.problem.objective.weights[known])
    metrics = [metric for metric, use in zip(results.problem.objective.metrics, known, strict=True) if use]
    with style.figure(height=1.5 + 0.36 * len(change), width=max(style.WIDTH, 2 + 0.62 * len(metrics))) as (
        made,
        (ax,),
    ):
        if not metrics:
            style.note(ax, "Too few finished trials for a model of the metrics.")
            return style.save(made, folder, "influence")
        # Metrics differ in unit and spread, so colours are scaled per column.
        scale = np.abs(change).max(0)
        helps = signs * change / np.where(scale > 0, scale, 1)
        image = ax.imshow(helps, cmap="RdBu", vmin=-1, vmax=1, aspect="auto")
        for (row, column), value in np.ndenumerate(change):
            colour = "white" if abs(helps[row, column]) > 0.65 else style.INK
            text = "0" if abs(value) < NEXT_TO_NOTHING * scale[column] else f"{value:+.2g}".replace("-", "−")
            ax.text(column, row, text, ha="center", va="center", color=colour, fontsize=9)
        suites = {metric.partition("/")[0] for metric in metrics}
        labels = [metric.partition("/")[2] if len(suites) == 1 else metric for metric in metrics]
        slant: dict[str, Any] = {"rotation": 35, "ha": "right"} if len(metrics) > 5 else {}
        ax.set_xticks(range(len(metrics)), labels, **slant)
        ax.set_yticks(range(len(change)), results.names)
        of = f" ({suites.pop()})" if len(suites) == 1 else ""
        ax.set(ylabel="more of this source …", xlabel=f"… changes this metric{of} by")
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        bar = made.colorbar(image, ax=ax, shrink=0.9, pad=0.02)
        bar.set_ticks([-1, 0, 1], labels=["worse", "none", "better"])
        bar.outline.set_visible(False)
        bar.ax.tick_params(length=0)
        return style.save(made, folder, "influence")
