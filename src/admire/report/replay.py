"""Figure of a replay: regret of the current recommendation against everything spent, a line a method with its band."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from admire.report import style


def draw(curves: pd.DataFrame, unit: str, folder: Path) -> Path:
    """Write `replay.svg` and `.png`.

    Args:
        curves: columns `method`, `cost`, `regret_mean`, `regret_se`, as `admire.replay.summary.curves` makes them.
        unit: of the costs.
    """
    methods = list(dict.fromkeys(curves["method"]))
    with style.figure(height=3.6, width=1.15 * style.WIDTH) as (made, (ax,)):
        for i, method in enumerate(methods):
            mine = curves[curves["method"] == method]
            colour, dashes = style.line_of(i)
            ax.plot(mine["cost"], mine["regret_mean"], color=colour, linestyle=dashes, label=method)
            se = mine["regret_se"].fillna(0.0)
            ax.fill_between(
                mine["cost"], mine["regret_mean"] - se, mine["regret_mean"] + se, color=colour, alpha=0.15, linewidth=0
            )
        ax.set(xscale="log", xlabel=f"cost of everything bought ({unit})", ylabel="regret of the recommendation")
        ax.set_ylim(bottom=0)
        ax.grid(color=style.FAINT, linewidth=0.6)
        made.legend(loc="outside right upper")
        return style.save(made, folder, "replay")
