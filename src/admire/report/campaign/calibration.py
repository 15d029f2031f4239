"""Figure: each trial's score as predicted from all other trials, against the observed score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from admire.optimize.diagnostics import Z90, accuracy, loo_predictions
from admire.optimize.surrogates.model_average import ModelAverage
from admire.report import style, words
from admire.report.campaign.results import CampaignResults

TITLE = "Predicted against observed (cross-validated)"
CAPTION = (
    "Each trial was predicted from all the others by the surrogate, whose hyper-parameters are those of all trials. On "
    "the dashed line, prediction and observation agree."
)


def draw(results: CampaignResults, folder: Path) -> Path:
    """Write `calibration.svg` and `.png`: one point per finished trial, coloured by size, with its 90 % interval."""
    index, mean, sd = loo_predictions(results.problem, results.seen, results.kernels)
    with style.figure(height=3.8) as (made, (ax,)):
        if len(index) < 2:
            style.note(ax, "Too few finished trials for a cross-validation.")
            return style.save(made, folder, "calibration")
        observed = results.problem.objective(results.seen.Y)[index]
        sizes = results.seen.size[index]
        names = results.problem.fidelities.names
        for size, colour in enumerate(style.size_colours(len(names))):
            here = sizes == size
            if here.any():
                target = " (target)" if size == results.problem.fidelities.target else ""
                look: dict[str, Any] = {
                    "color": colour,
                    "elinewidth": 0.9,
                    "markersize": 5.5,
                    "markeredgecolor": "white",
                }
                bars = Z90 * sd[here]
                ax.errorbar(mean[here], observed[here], xerr=bars, fmt="o", **look, label=f"{names[size]}{target}")
        # Intervals may be very wide, so the limits of the axes follow the points.
        ends = np.array([min(mean.min(), observed.min()), max(mean.max(), observed.max())])
        ends += np.array([-0.1, 0.1]) * (np.ptp(ends) or 1)
        ax.plot(ends, ends, color=style.QUIET, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        ax.set(xlim=ends, ylim=ends)
        ax.set(xlabel="predicted from all other trials (objective, 90 % interval)", ylabel="observed objective")
        # Points lie near the diagonal, which leaves the two other corners free for text and legend.
        ax.text(0.02, 0.98, "\n".join(_words(results)), transform=ax.transAxes, va="top", fontsize=9, linespacing=1.5)
        ax.legend(loc="lower right", title="model size", alignment="left", title_fontsize=9)
        return style.save(made, folder, "calibration")


def _words(results: CampaignResults) -> list[str]:
    """Lines of text on the accuracy at the size that it is known for; empty while it is unknown."""
    surrogate = ModelAverage.fit(results.problem, results.seen, results.kernels)
    found = accuracy(results.problem, results.seen, surrogate) if surrogate is not None else {}
    if not found:
        return []
    where = words.accuracy_size(results.campaign, found)
    return [f"{found['n']:.0f} trials of {where}, each left out:", *words.accuracy_figures(found)]
