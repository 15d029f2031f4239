"""Figure of a replay in the continuous space: regret of the recommendation over cost, one line with a band per method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from admire.report import style


def draw(curves: pd.DataFrame, baseline: float, folder: Path) -> Path:
    """Write `replay.svg` and `.png`.

    Args:
        curves: columns `method`, `mark`, `regret_sd_mean` and `regret_sd_se`, as `admire.replay.continuous.summary.curves` makes
            them.
        baseline: regret of the baseline mixture, in standard deviations over mixtures.
        folder: an existing folder.
    """
    methods = list(dict.fromkeys(curves["method"]))
    with style.figure(height=3.8, width=1.4 * style.WIDTH) as (made, (ax,)):
        for i, method in enumerate(methods):
            mine = curves[curves["method"] == method]
            mean, se = mine["regret_sd_mean"], mine["regret_sd_se"].fillna(0.0)
            colour, dashes = style.line_of(i)
            # The first method is drawn on top, because the others are compared with it.
            line: dict[str, Any] = {"color": colour, "linestyle": dashes, "zorder": 3 - i / len(methods)}
            ax.plot(mine["mark"], mean, marker="o", markersize=3, label=method, **line)
            ax.fill_between(mine["mark"], mean - se, mean + se, color=colour, alpha=0.15, linewidth=0)
        ax.axhline(baseline, color=style.QUIET, linewidth=1, linestyle=(0, (4, 3)), label="baseline mixture")
        style.cost_axis(ax, "cost of finished trials (trainings of the target)")
        ax.set_ylim(bottom=0)
        ax.set_ylabel("true regret of the recommendation\n(standard deviations over mixtures)")
        ax.grid(color=style.FAINT, linewidth=0.6)
        made.legend(loc="outside right upper")
        return style.save(made, folder, "replay")
