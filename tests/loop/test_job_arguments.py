"""What the workflow tells the subcommands of its jobs."""

import json

import pytest
from test_lane_state import TINY
from test_targets import decide, lending

from admire.campaign.layout import BASE
from admire.campaign.loading import load
from admire.campaign.recipes import source_digests
from admire.campaign.schema.resources import Resources
from admire.campaign.schema.training import StepFidelity
from admire.loop import job_arguments
from admire.loop.runs import Lender, Runs, known_runs
from admire.loop.targets import Targets


@pytest.fixture
def campaign(tmp_path):
    return load(TINY).model_copy(update={"results": str(tmp_path)})


@pytest.fixture
def runs(campaign):
    """Where another campaign lends S, at 7 CPU-minutes."""
    runs = lending(campaign)
    decide(Targets(runs), runs.layout.campaign("tiny").special(BASE), ("S", "abc"))
    return runs


def test_a_campaign_is_named_by_what_this_run_merged_and_a_lending_one_by_its_file(runs, tmp_path):
    merged = str(tmp_path / "campaigns/tiny/campaign.yaml")
    assert job_arguments.campaign_arguments(runs, "tiny") == ["--campaign", merged]
    assert job_arguments.campaign_arguments(runs, "lender") == ["--campaign", "lender.yaml", "--results", str(tmp_path)]


def test_no_campaign_gives_up_a_base_model(runs):
    assert job_arguments.asking_campaign(runs, "abc") == []
    assert job_arguments.asking_campaign(runs, "def") == job_arguments.campaign_arguments(runs, "tiny")


def test_a_base_model_is_validated_as_the_lending_campaign_says(runs, campaign):
    plans = job_arguments.validation_plans(runs)
    option, plan = job_arguments.validation_arguments(runs, plans, "S", "def")
    assert option == "--validation" and json.loads(plan)["sources"] == source_digests(campaign)
    other = runs.lenders["lender"].campaign.model_copy(update={"validation": None})
    silent = Runs(campaign, runs.running, {"lender": Lender(other, "lender.yaml")})
    plans = job_arguments.validation_plans(silent)
    assert job_arguments.validation_arguments(silent, plans, "S", "abc") == []
    assert job_arguments.validation_arguments(silent, plans, "S", "def") == [option, plan]


def test_resources_are_said_as_the_model_declares_them(runs):
    said = job_arguments.resources_argument(runs, "L", "def")
    assert json.loads(said) == {"minutes": 5, "mem_gb": 1.0}
    assert Resources.model_validate_json(said) == runs.campaign.model("L").resources


def test_a_training_costs_at_most_what_it_costs_from_the_start(runs, campaign):
    assert job_arguments.cost_at_most(runs, "S", "def", 1) == "0.1 CPU-minutes"
    assert job_arguments.cost_at_most(runs, "S", "abc", 1) == "7 CPU-minutes"
    short = known_runs(campaign.model_copy(update={"fidelity": StepFidelity(steps=(0.25, 1.0), fixed=0.2)}))
    assert job_arguments.cost_at_most(short, "L", "def", "0.25") == "0.08 CPU-minutes"
