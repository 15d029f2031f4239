"""A campaign's progress in numbers and in one line."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from admire.campaign.layout import FINAL, Layout, standing
from admire.campaign.schema.campaign import Campaign
from admire.loop.budget import Budget
from admire.loop.lane_state import final_step, latest_update
from admire.trials.atomic_files import read_json
from admire.trials.ledger import Ledger, Trial


@dataclass(frozen=True)
class Progress:
    """Where a campaign stands.

    Attributes:
        trials: by state: `proposed`, `running`, `trained`, `done`, `failed`.
        seconds_left: estimate from the pace of this run; None before it has trained anything.
    """

    trials: dict[str, list[Trial]]
    budget: Budget
    seconds_left: float | None


def measure(campaign: Campaign, ledger: Ledger | None = None) -> Progress:
    """Read the campaign's standing from its files."""
    ledger = ledger or Ledger.read(campaign)
    layout = Layout(Path(campaign.results))
    trials: dict[str, list[Trial]] = {state: [] for state in ("proposed", "running", "trained", "done", "failed")}
    for trial in ledger.trials:
        held = trial.state == "proposed" and trial.files(campaign.results).lease.is_file()
        trials["running" if held else trial.state].append(trial)
    final = final_step(campaign)
    decided = final is not None and standing(layout.campaign(campaign.name).special(f"{FINAL}_{final:04d}")).is_file()
    budget = Budget.of(campaign, ledger, decided)
    return Progress(trials, budget, _seconds_left(campaign, ledger, budget))


def progress_line(campaign: Campaign) -> str:
    """Trials done, running, failed; budget spent; best recommendation so far with its interval; time left."""
    progress = measure(campaign)
    count = {state: len(trials) for state, trials in progress.trials.items()}
    parts = [f"{count['done']} done", f"{count['running'] + count['trained']} running", f"{count['proposed']} queued"]
    if count["failed"]:
        parts.append(f"{count['failed']} FAILED")
    budget = progress.budget
    line = (
        f"{campaign.name}: {', '.join(parts)} | spent {budget.spent:.4g} of {budget.total:.4g} {campaign.budget.unit}"
    )
    if (newest := latest_update(campaign)) is not None:
        best = newest.recommendation
        if best.mean is not None:
            line += f" | recommendation {best.mean:.4f} (90 %: {best.low:.4f} to {best.high:.4f})"
    if progress.seconds_left:
        line += f" | about {duration(progress.seconds_left)} left"
    return line


def duration(seconds: float) -> str:
    """Seconds as a person says them: 40 s, 12 min, 3 h 20 min, 2 d 4 h."""
    minutes, hours, days = seconds / 60, seconds / 3600, seconds / 86400
    if minutes < 1.5:
        return f"{seconds:.0f} s"
    if hours < 1.5:
        return f"{minutes:.0f} min"
    if days < 2:
        return f"{int(hours)} h {int(minutes % 60)} min"
    return f"{int(days)} d {int(hours % 24)} h"


def _seconds_left(campaign: Campaign, ledger: Ledger, budget: Budget) -> float | None:
    """Time for what is left, at the pace of this run: its time per nominal cost of the trials that ended in it. None before the
    first of these, and while nobody runs the campaign."""
    files = Layout(Path(campaign.results)).campaign(campaign.name)
    try:
        begun = max(read_json(files.running)["started"], files.proposal(0, 0).stat().st_mtime)
    except FileNotFoundError:  # nobody runs it, or nothing is decided
        return None
    ended = [trial for trial in ledger.trials if trial.record is not None]
    here = sum(trial.cost for trial in ended if trial.files(campaign.results).train().stat().st_mtime > begun)
    if here <= 0:
        return None
    remaining = (
        max(budget.total - budget.spent, 0.0)
        if final_step(campaign) is None
        else budget.committed - budget.spent + budget.reserved
    )
    return (time.time() - begun) / here * remaining
