"""Figure: the model sizes of trials in the order of their decisions; a trial is as wide as its nominal cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib.patches

from admire.report import style
from admire.report.campaign.results import CampaignResults

TITLE = "What the budget bought"
CAPTION = "Trials in the order of their decisions; each is as wide as its nominal cost."


def draw(results: CampaignResults, folder: Path) -> Path:
    """Write `purchases.svg` and `.png`: trials in the order of their decisions, one line per size, the dearest on top."""
    campaign = results.campaign
    names = results.problem.fidelities.names
    colours = style.size_colours(len(names))
    kinds: set[str] = set()
    with style.figure(height=1.35 + 0.5 * len(names)) as (made, (ax,)):
        at = 0.0
        for trial in results.ledger.trials:
            row = names.index(trial.fidelity)
            kind = "failed" if trial.state == "failed" else "final" if results.is_final(trial) else trial.state
            face = {"proposed": "white", "trained": "white", "final": style.FINAL}.get(kind, colours[row])
            edge = colours[row] if kind in ("proposed", "trained") else "white"
            ax.barh(row, trial.cost, left=at, height=0.6, color=face, edgecolor=edge, linewidth=0.7)
            if kind == "failed":
                ax.plot(at + trial.cost / 2, row, "X", color=style.FAILED, markeredgecolor="white", markersize=9)
            kinds.add("running" if kind in ("proposed", "trained") else kind)
            at += trial.cost
        for row, name in enumerate(names):
            bought = [trial for trial in results.ledger.trials if trial.fidelity == name]
            cost = sum(trial.cost for trial in bought)
            trials = f"{len(bought)} trial{'s' if len(bought) != 1 else ''}"
            place: dict[str, Any] = {
                "xycoords": ("axes fraction", "data"),
                "xytext": (6, 0),
                "textcoords": "offset points",
            }
            ax.annotate(f"{trials}\n{cost:.3g} {campaign.budget.unit}", (1, row), **place, va="center", fontsize=9)
        total = campaign.total
        style.budget_line(ax, total)
        labels = [f"{name} (target)" if name == campaign.target.name else name for name in names]
        ax.set(yticks=range(len(names)), yticklabels=labels, ylim=(-0.5, len(names) - 0.3))
        ax.set(xlim=(0, 1.02 * max(total, at)), xlabel=f"nominal cost committed ({campaign.budget.unit})")
        ax.tick_params(axis="y", length=0)
        ax.grid(axis="x", color=style.FAINT, linewidth=0.6)
        if handles := _legend(kinds, colours[-1]):
            made.legend(handles=handles, loc="outside upper left", ncols=4, handlelength=1.2)
        return style.save(made, folder, "purchases")


def _legend(kinds: set[str], colour: str) -> list[matplotlib.artist.Artist]:
    patch, line = matplotlib.patches.Patch, matplotlib.lines.Line2D
    entries = {
        "done": patch(facecolor=colour, label="done"),
        "running": patch(facecolor="white", edgecolor=colour, label="not finished"),
        "failed": line([], [], marker="X", linestyle="none", color=style.FAILED, markersize=8, label="failed"),
        "final": patch(facecolor=style.FINAL, label="final training"),
    }
    return [artist for kind, artist in entries.items() if kind in kinds]
