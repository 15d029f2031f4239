"""Figure: the predicted score of the recommendation, with its interval, against the budget spent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from admire.report import style
from admire.report.campaign.results import CampaignResults
from admire.trials.decision_records import UpdateRecord

TITLE = "Predicted score against budget spent"
CAPTION = (
    "The score at the target that the model predicted for its recommendation after each update. Points are single trainings, "
    "with the noise of a single seed."
)


def draw(results: CampaignResults, folder: Path) -> Path:
    """Write `progress.svg` and `.png`: one point per update, and the trials that were observed at the target."""
    unit, target = results.campaign.budget.unit, results.campaign.target.name
    known = [update for update in results.updates if update.recommendation.mean is not None]
    tried, finals = _observed(results)
    with style.figure(height=3.4) as (made, (ax,)):
        if not known and not tried and not finals:
            style.note(ax, f"The method makes no prediction,\nand no trial of {target} is finished yet.")
            return style.save(made, folder, "progress")
        if known:
            spent = [update.spent for update in known]
            mean, low, high = (_column(known, key) for key in ("mean", "low", "high"))
            label = "its 90 % interval"
            if len(known) == 1:  # a band needs two points
                ax.errorbar(
                    spent, mean, [mean - low, high - mean], fmt="none", ecolor=style.LIGHT, capsize=4, label=label
                )
            else:
                ax.fill_between(spent, low, high, color=style.RECOMMENDED, alpha=0.18, linewidth=0, label=label)
            line: dict[str, Any] = {"color": style.RECOMMENDED, "marker": "o", "markersize": 3.5}
            ax.plot(spent, mean, **line, label="predicted for the recommendation")
        if tried:
            ring: dict[str, Any] = {"color": "white", "markeredgecolor": style.INK, "markersize": 6}
            ax.plot(*zip(*tried, strict=True), "o", **ring, label=f"observed trial of {target}")
        if finals:
            star: dict[str, Any] = {
                "color": style.FINAL,
                "markeredgecolor": style.INK,
                "markeredgewidth": 0.7,
                "markersize": 13,
            }
            ax.plot(*zip(*finals, strict=True), "*", **star, label="observed final training")
        if known:
            # The first intervals come from cheap trials alone and may be so wide that they would flatten everything else.
            later = slice(len(known) // 2, None)
            shown = [*mean, *low[later], *high[later], *(score for _, score in tried + finals)]
            margin = 0.08 * (np.nanmax(shown) - np.nanmin(shown) or 1)
            ax.set_ylim(np.nanmin(shown) - margin, np.nanmax(shown) + margin)
        total = results.campaign.total
        style.budget_line(ax, total)
        ax.set(xlim=(0, 1.03 * max(total, results.ledger.spent)), xlabel=f"budget spent ({unit})")
        ax.set_ylabel("objective (higher is better)")
        ax.grid(axis="y", color=style.FAINT, linewidth=0.6)
        made.legend(loc="outside upper left", ncols=2, columnspacing=1.4, handletextpad=0.5)
        return style.save(made, folder, "progress")


def _column(updates: list[UpdateRecord], key: str) -> np.ndarray:
    """The field `key` of each update's recommendation (n updates), NaN where the method gave none."""
    return np.array([getattr(update.recommendation, key) for update in updates], dtype=float)


def _observed(results: CampaignResults) -> tuple[list[tuple[float, float]], list[tuple[float, float]]]:
    """(budget spent when its score became known, objective) of each trial at the target: those of the lanes, and the final ones."""
    learnt: dict[str, float] = {}
    for update in results.updates:
        for name in update.evidence:
            learnt.setdefault(name, update.spent)
    tried: list[tuple[float, float]] = []
    finals: list[tuple[float, float]] = []
    for trial in results.ledger.trials:
        score = results.score(trial)
        if trial.fidelity == results.campaign.target.name and score is not None:
            # No update follows a final training, because it ends the campaign.
            point = (learnt.get(trial.name, results.ledger.spent), score)
            (finals if results.is_final(trial) else tried).append(point)
    return tried, finals
