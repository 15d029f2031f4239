"""How far a campaign has got is a pure function of its files and today's configuration."""

import json
from pathlib import Path

import pytest

from admire.campaign.layout import Layout
from admire.campaign.loading import load
from admire.loop import lane_state

TINY = Path(__file__).parents[1] / "workflow/tiny.yaml"


@pytest.fixture
def campaign(tmp_path):
    return load(TINY).model_copy(update={"results": str(tmp_path)})


def with_budget(campaign, **keys):
    return campaign.model_copy(update={"budget": campaign.budget.model_copy(update=keys)})


def write(campaign, step, lane, proposed=1, gain=1.0, learnt=True, seen=1):
    files = Layout(Path(campaign.results)).campaign(campaign.name)
    files.lane(step, lane).mkdir(parents=True)
    files.proposal(step, lane).write_text("{}")
    if learnt:
        value = learnt_of(campaign, step, lane, proposed=proposed, gain_per_cost=gain, seen=seen)
        files.update(step, lane).write_text(json.dumps(value))


def learnt_of(campaign, step, lane, **found):
    """What an update holds."""
    recommendation = {"weights": {name: 1 / len(campaign.sources) for name in campaign.sources}}
    head = {"campaign": campaign.name, "step": step, "lane": lane, "time": "", "version": "0.1.0", "method": "admire"}
    costs = {"budget": campaign.total, "spent": 0.0, "committed": 0.0, "reserved": 0.0, "seconds": 0.0}
    rest = {"reason": "spent", "evidence": [], "observed_best": None, "trials": {}, "recommendation": recommendation}
    return head | costs | rest | found


def test_fresh_campaign_wants_its_horizon(campaign):
    assert lane_state.wanted(campaign, 3) == [(0, 0), (1, 0), (2, 0)]
    assert lane_state.wanted(with_budget(campaign, lanes=2), 2) == [(0, 0), (1, 0), (1, 1), (2, 1)]
    assert lane_state.final_step(campaign) is None


def test_first_steps_of_all_lanes_wait_for_the_initial_design(campaign):
    assert lane_state.predecessor(0, 0) is None
    assert lane_state.predecessor(1, 3) == (0, 0)
    assert lane_state.predecessor(5, 3) == (4, 3)


def test_begun_step_stays_wanted_and_the_horizon_moves(campaign):
    write(campaign, 0, 0)
    write(campaign, 1, 0, learnt=False)
    assert lane_state.wanted(campaign, 2) == [(0, 0), (1, 0), (2, 0), (3, 0)]


def test_spent_budget_ends_the_lane_and_a_raised_one_opens_it_again(campaign):
    write(campaign, 0, 0)
    write(campaign, 1, 0, proposed=0)
    assert lane_state.wanted(campaign, 5) == [(0, 0), (1, 0)]
    assert lane_state.final_step(campaign) == 1
    richer = with_budget(campaign, total=campaign.total + 1)
    assert lane_state.wanted(richer, 1) == [(0, 0), (1, 0), (2, 0)]
    assert lane_state.final_step(richer) is None


def test_early_stop_is_read_with_todays_threshold(campaign):
    write(campaign, 0, 0, gain=0.01)
    stricter = campaign.model_copy(update={"optimizer": campaign.optimizer.model_copy(update={"stop_below": 0.02})})
    assert lane_state.final_step(stricter) == 0
    assert lane_state.final_step(campaign) is None


def test_final_waits_for_every_lane(campaign):
    two = with_budget(campaign, lanes=2)
    write(two, 0, 0)
    write(two, 1, 0, proposed=0)
    write(two, 1, 1)
    write(two, 2, 1, learnt=False)
    assert lane_state.final_step(two) is None
    files = Layout(Path(two.results)).campaign(two.name)
    value = learnt_of(two, 2, 1, proposed=0, gain_per_cost=None, seen=9)
    files.update(2, 1).write_text(json.dumps(value))
    assert lane_state.final_step(two) == 2
    assert lane_state.latest_update(two).step == 2


def test_removed_lane_is_not_extended_but_what_it_began_is_finished(campaign):
    two = with_budget(campaign, lanes=2)
    write(two, 0, 0)
    write(two, 1, 1, learnt=False)
    assert lane_state.wanted(campaign, 1) == [(0, 0), (1, 0), (1, 1)]
