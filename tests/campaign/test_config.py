"""The schema where keys depend on each other: designs and their budget, tasks and their few-shot, nulls of a later file."""

from pathlib import Path

import pytest
import yaml

from admire.campaign.loading import load, parse
from admire.campaign.reading import merge
from admire.campaign.recipes import suite_digest
from admire.errors import ConfigError

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests/workflow/tiny.yaml"


def tiny(**over):
    return parse(merge(yaml.safe_load(TINY.read_text()), over), "tiny.yaml")


def design(trials=None, **budget):
    # the design's own budget: the tiny campaign's is taken out
    over = {"optimizer": {"method": "design", "design": {"trials": trials or {"S": 3, "L": 2}}}}
    return tiny(**over, budget={"total": None, **budget})


def test_a_designs_budget_is_what_it_costs():
    assert design(final_replicates=0).budget.total == pytest.approx(3 * 0.1 + 2 * 0.2)
    assert design().budget.total == pytest.approx(0.7 + 0.2)
    assert design(total=9).budget.total == 9
    assert design().design_counts == (3, 2) and tiny().design_counts == ()


def test_it_survives_being_written_and_read():
    once = design(final_replicates=0)
    assert parse(once.model_dump(mode="json"), "again") == once


def test_a_rival_of_a_design_spends_as_much_and_is_none():
    rival = design().rival("random")
    assert parse(rival.model_dump(mode="json"), "again") == rival and rival.budget == design().budget


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: tiny(budget={"total": None}), "budget.total: this key is missing"),
        (lambda: tiny(optimizer={"method": "design"}), "optimizer.design: method design needs this key"),
        (lambda: tiny(optimizer={"design": {"trials": {"S": 1}}}), "no other method takes it"),
        (lambda: design({"S": 1, "XL": 1}), "optimizer.design.trials: unknown model XL"),
        (lambda: design({"S": 1, "L": 2}), "no more of them"),
        (lambda: tiny(held_out={"validation": 0}), "held_out.validation: 0 leaves nothing for evaluation.loss"),
        (lambda: tiny(validation={"times": 0}), "validation.times: input should be greater than 0"),
        (lambda: tiny(validation={"rows": 8}), "validation.rows: unknown key; known keys are batch_size, share, times"),
    ],
)
def test_what_does_not_fit_is_refused(make, sentence):
    with pytest.raises(ConfigError, match=sentence):
        make()


def test_a_null_takes_a_key_out_but_not_of_an_architecture():
    assert list(tiny(sources={"strings": None}).sources) == ["arithmetic", "stories"]
    models = yaml.safe_load(TINY.read_text())["models"]
    models[0]["architecture"]["rope_scaling"] = None
    assert "rope_scaling" in tiny(models=models).model("S").architecture


def test_a_task_has_its_own_few_shot_or_the_suites():
    suite = load(ROOT / "config/tulu.yaml").evaluation["id"]
    assert (suite.few_shot_of("popqa"), suite.metric_of("popqa")) == (15, "contains_answer")
    plain = load(ROOT / "config/laptop-sft.yaml").evaluation["skills"]
    assert (plain.few_shot_of("facts"), plain.metric_of("facts")) == (None, "acc")


def test_a_misspelt_key_of_a_task_is_named():
    tasks = {"facts": {"metric": "acc", "fewshot": 2}}
    with pytest.raises(
        ConfigError, match=r"evaluation\.skills\.tasks\.facts\.fewshot: unknown key; did you mean 'few_shot'"
    ):
        tiny(evaluation={"skills": {"kind": "lm-eval", "tasks": tasks}})


def test_consent_changes_no_score():
    loss = {"kind": "lm-eval", "tasks": {"facts": "acc"}}
    without, consenting = (tiny(evaluation={"skills": loss | {"runs_code": c}}) for c in (False, True))
    assert suite_digest(without, "skills") == suite_digest(consenting, "skills")


def test_a_model_may_have_a_schedule_of_its_own():
    pile = load(ROOT / "config/pile.yaml")
    assert pile.training_of(pile.model("1M")).schedule == "constant_with_warmup"
    assert pile.training_of(pile.target).schedule == "cosine"
