"""What the jobs that score a trial ask for: in a job of its own an evaluation's machines, in the training's job that one's."""

import json
import re

import pytest
import yaml
from campaign_folder import TINY

from admire.trials.identity import Spec

UPDATE = "results/campaigns/tiny/step_0000/lane_0/update.json"


@pytest.fixture
def gpus_of_evaluation(bench):
    """A campaign whose first trial is decided; its models train on two nodes with four GPUs, and score with two."""
    models = yaml.safe_load(TINY.read_text())["models"]
    for model in models:
        model["resources"] = {"gpus": 4, "nodes": 2, "threads": 3, "evaluation_processes": 2}
    proposal = bench.results / "campaigns/tiny/step_0000/lane_0/proposal.json"
    proposal.parent.mkdir(parents=True)
    labels = {"model": "S", "sources": {"a": {"name": "stories"}}}
    spec = Spec({"sources": [{"sha256": "a", "rows": 64}]}, labels)
    proposal.write_text(json.dumps({"trials": [{"spec": spec.as_dict(), "cost": 0.1}]}))
    configs = (TINY, bench.config(models=models))

    def gpus(*arguments):
        """Of the evaluation, as a dry run lists it."""
        out = bench.snakemake("-n", UPDATE, *arguments, configs=configs)
        return re.search(r"evaluate loss \(validation, (\d+) GPUs\)", out)[1]

    return gpus


def test_an_evaluation_in_a_job_of_its_own_asks_for_what_it_uses(gpus_of_evaluation):
    assert gpus_of_evaluation() == "2"


def test_an_evaluation_in_the_trainings_job_asks_for_the_same(gpus_of_evaluation):
    assert gpus_of_evaluation("--groups", "train=trial", "evaluate=trial") == "8"
