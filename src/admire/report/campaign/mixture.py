"""Figure: the recommended mixture beside the baseline mixture and the uniform one, with its range and the sources' caps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from admire.report import style
from admire.report.campaign.results import CampaignResults

TITLE = "Recommended mixture"
CAPTION = (
    "Bars are the recommended weights. Functions were drawn from the surrogate; a whisker holds the source's weight in nine in "
    "ten of their best mixtures, and a wide one means that the weight hardly matters. A thick mark is the most that a source can "
    "give."
)


def draw(results: CampaignResults, folder: Path) -> Path:
    """Write `mixture.svg` and `.png`: one line per source, the largest weight first."""
    order = np.argsort(-results.weights, kind="stable")
    rows = np.arange(len(order))
    percent, prior, uniform, caps = (
        100 * values[order]
        for values in (results.weights, results.problem.prior, results.uniform, results.problem.space.caps)
    )
    shown = [percent, prior, uniform]
    with style.figure(height=1.2 + 0.36 * len(order)) as (made, (ax,)):
        handles: list[Any] = [ax.barh(rows, percent, height=0.58, color=style.LIGHT, label="recommended")]
        handles += ax.plot(
            prior, rows, "D", color=style.PRIOR, markersize=6.5, markeredgecolor="white", label="baseline", zorder=5
        )
        ring: dict[str, Any] = {
            "color": "white",
            "markersize": 5.5,
            "markeredgecolor": style.QUIET,
            "markeredgewidth": 1.3,
        }
        handles += ax.plot(uniform, rows, "o", **ring, label="uniform", zorder=4)
        if results.weights_range is not None:
            low, high = (100 * bound[order] for bound in results.weights_range)
            beyond = [np.maximum(percent - low, 0), np.maximum(high - percent, 0)]
            bars = ax.errorbar(
                percent, rows, xerr=beyond, fmt="none", ecolor=style.INK, elinewidth=1.3, capsize=3.5, zorder=3
            )
            bars.set_label("range of the best weight (90 %)")
            handles.append(bars)
            shown.append(high)
        limited = caps < 100  # a cap of 100 % limits nothing and is not drawn
        if limited.any():
            mark: dict[str, Any] = {"color": style.INK, "markersize": 19, "markeredgewidth": 3}
            handles += ax.plot(caps[limited], rows[limited], "|", **mark, label="cap", zorder=2)
        ax.set(yticks=rows, yticklabels=[results.names[i] for i in order], xlabel="share of the mixture (%)")
        ax.set_xlim(0, 1.08 * max(values.max() for values in shown))
        ax.invert_yaxis()
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.grid(axis="x", color=style.FAINT, linewidth=0.6)
        made.legend(handles=handles, loc="outside upper left", ncols=3, columnspacing=1.2, handletextpad=0.5)
        return style.save(made, folder, "mixture")
