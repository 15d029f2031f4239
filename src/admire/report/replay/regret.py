"""Figure of a replay: regret of the recommendation and of the best observed row against total cost, one line with a band of
standard errors per method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from admire.report import style

PANELS = {"regret": "of the current recommendation", "observed_regret": "of the best row observed so far"}

BELOW = 0.02  # the y axis begins this fraction of its height below 0


def draw(curves: pd.DataFrame, until: float, unit: str, folder: Path) -> Path:
    """Write `replay.svg` and `.png`.

    Args:
        curves: columns `method`, `cost`, and `_mean` and `_se` of `regret` and `observed_regret`, as
            `admire.replay.summary.curves` makes them.
        until: the cost that every run reaches. Beyond it, runs that have found the best row have ended: their best observed row
            stays the best one, but their recommendation is unknown, so its curve ends here.
        unit: unit of the costs.
        folder: an existing folder.
    """
    methods = list(dict.fromkeys(curves["method"]))
    with style.figure(height=3.8, columns=2, width=2 * style.WIDTH) as (made, axes):
        axes[1].sharex(axes[0])
        for ax, (column, title) in zip(axes, PANELS.items(), strict=True):
            for i, method in enumerate(methods):
                mine = curves[curves["method"] == method]
                mine = mine[mine["cost"] <= until] if column == "regret" else mine
                mean, se = mine[f"{column}_mean"], mine[f"{column}_se"].fillna(0.0)
                colour, dashes = style.line_of(i)
                label = method if ax is axes[0] else None
                # The first method is drawn on top, because the others are compared with it.
                line: dict[str, Any] = {"color": colour, "linestyle": dashes, "zorder": 3 - i / len(methods)}
                ax.plot(mine["cost"], mean, label=label, drawstyle="steps-post", **line)
                band: dict[str, Any] = {"step": "post", "color": colour, "alpha": 0.15, "linewidth": 0}
                ax.fill_between(mine["cost"], mean - se, mean + se, **band)
            ax.set_title(f"regret {title}")
            style.cost_axis(ax, f"cost of everything bought ({unit})")
            ax.set_ylim(-BELOW * ax.get_ylim()[1])  # or a line at 0 would be hidden by the axis
            ax.grid(color=style.FAINT, linewidth=0.6)
        axes[0].set_ylabel("regret, in the objective's units\n(mean over seeds ± standard error)")
        made.legend(loc="outside right upper")
        return style.save(made, folder, "replay")
