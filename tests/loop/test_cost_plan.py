"""The plan says what a design costs as a sum, and by how much nominal costs are off once trials are done."""

from dataclasses import replace
from pathlib import Path

import pytest

from admire.campaign.loading import load
from admire.loop.cost_plan import make_plan, render

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture
def fresh(tmp_path):
    """The plan of a campaign that has not begun."""

    def make(name):
        return make_plan(load(CONFIG / f"{name}.yaml").model_copy(update={"results": str(tmp_path)}))

    return make


def test_a_design_knows_its_trials_and_their_cost(fresh):
    plan = fresh("admire-ift-runs")
    assert plan.trials() == (460, 460) and plan.open == pytest.approx(13_119.02, abs=0.01)
    text = render(plan)
    assert "= 13,119.02 GPU-hours" in text and "no final training of 7B on the recommendation is asked for" in text


def test_a_nominal_cost_that_is_off_is_named_with_what_to_write(fresh):
    plan = fresh("pile")
    small, middle, large = plan.lines
    assert "to plan with that" not in render(plan)
    lines = (replace(small, measured=0.9, speed=1e6), replace(middle, measured=1.85), replace(large, measured=232.0))
    text = render(replace(plan, lines=lines))
    assert (
        "1M: a trial took 0.9 GPU-hours (training and scoring, time in queues apart, 1,000,000 tokens/s), 50% more"
        in text
    )
    assert (
        "1B: a trial took 232 GPU-hours" in text
        and "50% less than its nominal cost; to plan with that write `cost: 232`" in text
    )
    assert "60M: a trial took" not in text  # 3 % off
