"""Figure of a replay: each method's purchases over cost, one line per seed and one tick per purchase, coloured by model size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib.patches
import pandas as pd

from admire.report import style

MOST_SEEDS = 10  # lines per method, at most; more could not be distinguished
LINE = 0.1  # height of a line in inches
TICK = 22.0  # area of a tick in square points


def draw(purchases: pd.DataFrame, methods: Sequence[str], sizes: Sequence[str], unit: str, folder: Path) -> Path:
    """Write `purchases.svg` and `.png`.

    Args:
        purchases: columns `method`, `seed`, `cost`, `size`, as `admire.replay.summary.purchases` makes them.
        methods: names of all methods in the replay, including those that buy nothing.
        sizes: names of the model sizes, cheapest first.
        unit: unit of the costs.
        folder: an existing folder.
    """
    shown = purchases[purchases["seed"] < MOST_SEEDS]
    seeds, lines = purchases["seed"].nunique(), shown["seed"].nunique()
    colours = dict(zip(sizes, style.size_colours(len(sizes)), strict=True))
    with style.figure(height=1.4 + LINE * (lines + 1) * len(methods), width=1.15 * style.WIDTH) as (made, (ax,)):
        middles = [-(i * (lines + 1) + (lines - 1) / 2) for i in range(len(methods))]
        for i, method in enumerate(methods):
            mine = shown[shown["method"] == method]
            if mine.empty:
                ax.text(shown["cost"].min(), middles[i], "buys nothing", color=style.QUIET, fontsize=9, va="center")
            places = -(i * (lines + 1) + mine["seed"])
            # There may be thousands of ticks, so they are pixels in the SVG too.
            ax.scatter(mine["cost"], places, c=mine["size"].map(colours), marker="|", s=TICK, rasterized=True)
        ax.set(yticks=middles, yticklabels=methods)
        style.cost_axis(ax, f"cost of everything bought ({unit})")
        ax.set_ylim(-(len(methods) * (lines + 1) - 1), 1)
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x", color=style.FAINT, linewidth=0.6)
        bought = [size for size in sizes if (shown["size"] == size).any()]
        handles = [matplotlib.patches.Patch(color=colours[size], label=size) for size in bought]
        title = f"one line per seed{f', the first {lines} of {seeds}' if lines < seeds else ''}; one tick per trial, of size"
        made.legend(handles=handles, loc="outside upper left", ncols=len(handles), handlelength=1.2, title=title)
        return style.save(made, folder, "purchases")
