"""How far a campaign has got, and what it wants next: a pure function of its files and today's configuration.

Nothing here is stored, so raising the budget, lowering the stopping threshold or adding a lane simply goes on. What has
begun stays wanted.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from admire.campaign.layout import CampaignLayout, Layout, standing
from admire.campaign.schema.campaign import Campaign
from admire.loop.stop_rule import why_ended
from admire.trials.decision_records import UpdateRecord, read_update


@dataclass(frozen=True)
class Lane:
    """How far one lane is.

    Attributes:
        begun: the last step that was proposed, -1 when none.
        updated: the last step whose outcome was learnt, -1 when none.
        ended: why there is no next step today; None while there is one.
    """

    number: int
    begun: int
    updated: int
    ended: str | None


def predecessor(step: int, lane: int) -> tuple[int, int] | None:
    """The (step, lane) whose update a proposal waits for: the lane's own last one; the initial design for the first."""
    if step == 0:
        return None
    return (0, 0) if step == 1 else (step - 1, lane)


def read_lane(campaign: Campaign, number: int) -> Lane:
    """Read from the files how far a lane is."""
    files = _files(campaign)
    first = 0 if number == 0 else 1
    begun = updated = -1
    for step in range(first, 1_000_000):
        if not standing(files.proposal(step, number)).is_file():
            break
        begun = step
        if standing(files.update(step, number)).is_file():
            updated = step
    if updated < 0 or updated < begun:
        return Lane(number, begun, updated, None)
    learnt = read_update(files.update(updated, number))
    return Lane(number, begun, updated, why_ended(campaign, learnt))


def lanes(campaign: Campaign) -> list[Lane]:
    """How far every lane is: those of today's configuration, and earlier ones that have begun."""
    begun = {int(path.name.removeprefix("lane_")) for path in _files(campaign).folder.glob("step_*/lane_*")}
    return [read_lane(campaign, number) for number in sorted(begun | set(range(campaign.budget.lanes)))]


def wanted(campaign: Campaign, horizon: int) -> list[tuple[int, int]]:
    """The (step, lane) whose updates are wanted now: all that began, and `horizon` more of each open lane of today.

    In ascending order: Snakemake then resolves long chains without deep recursion.
    """
    found = []
    for lane in lanes(campaign):
        first = 0 if lane.number == 0 else 1
        closed = lane.ended is not None or lane.number >= campaign.budget.lanes
        last = lane.begun if closed else max(lane.begun, first - 1) + horizon
        found += [(step, lane.number) for step in range(first, last + 1)]
    return sorted(found)


def final_step(campaign: Campaign) -> int | None:
    """The number of the final decision, once every lane has ended; None before."""
    today = [lane for lane in lanes(campaign) if lane.number < campaign.budget.lanes or lane.begun > lane.updated]
    if not today or any(lane.ended is None for lane in today):
        return None
    return max(lane.updated for lane in lanes(campaign))


def latest_update(campaign: Campaign) -> UpdateRecord | None:
    """The update that saw the most, None before the first."""
    return max(map(read_update, _files(campaign).updates()), key=lambda update: update.seen, default=None)


def _files(campaign: Campaign) -> CampaignLayout:
    return Layout(Path(campaign.results)).campaign(campaign.name)
