"""Figure: the compared mixtures' scores on the test split, with standard errors and every replicate."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from admire.campaign.schema.campaign import Campaign
from admire.report import style
from admire.report.comparison.scores import RECOMMENDED, Row


def draw(campaign: Campaign, rows: list[Row], folder: Path) -> Path:
    """Write `benchmark.svg` and `.png`: one line per mixture, the best on top."""
    scored = [row for row in rows if row.n]
    with style.figure(height=1.25 + 0.42 * len(scored)) as (made, (ax,)):
        for place, row in enumerate(scored):
            colour = style.RECOMMENDED if row.mixture == RECOMMENDED else style.QUIET
            ax.plot(
                row.scores, np.full(row.n, place + 0.22), "o", color=colour, alpha=0.35, markersize=5, markeredgewidth=0
            )
            spread = None if np.isnan(row.stderr) else row.stderr
            ax.errorbar(row.mean, place, xerr=spread, fmt="D", color=colour, markersize=6.5, elinewidth=1.8, capsize=4)
        handles = [
            ax.errorbar([], [], xerr=[], fmt="D", color=style.INK, capsize=3, label="mean ± standard error"),
            *ax.plot([], [], "o", color=style.INK, alpha=0.35, markeredgewidth=0, label="one training"),
        ]
        ax.set(yticks=range(len(scored)), yticklabels=[row.mixture for row in scored], ylim=(len(scored) - 0.5, -0.5))
        ax.set_xlabel(f"objective at {campaign.target.name} on the test split (higher is better)")
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.grid(axis="x", color=style.FAINT, linewidth=0.6)
        made.legend(handles=handles, loc="outside upper left", ncols=2)
        return style.save(made, folder, "benchmark")
