"""A template that fails is one sentence with task, file and key: those of task files and the chat template alike."""

import json
import tracemalloc

import pytest
import yaml

from admire.campaign.schema.evaluation import Benchmarks
from admire.errors import ConfigError
from admire.evaluate import lm_eval_suite
from admire.evaluate.templates import name_chat_template

PLAIN = {
    "task": "riddles",
    "dataset_path": "json",
    "test_split": "test",
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}",
    "doc_to_target": 0,
    "doc_to_choice": ["yes", "no"],
    "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    "metadata": {"version": 1.0},
}


@pytest.fixture
def suite(tmp_path):
    """A suite of one task whose file says what it is given."""
    (tmp_path / "items.jsonl").write_text("".join(json.dumps({"question": f"Is {n} one?"}) + "\n" for n in range(4)))

    def made(**changes):
        files = {"data_files": {"test": str(tmp_path / "items.jsonl")}}
        (tmp_path / "riddles.yaml").write_text(yaml.safe_dump({**PLAIN, "dataset_kwargs": files, **changes}))
        return Benchmarks(kind="lm-eval", tasks={"riddles": "acc"}, include_path=str(tmp_path))

    return made


@pytest.mark.parametrize("key", ["doc_to_text", "doc_to_target", "doc_to_choice", "gen_prefix"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ question", "unexpected end of template"),
        ("{% if question %}x", "Unexpected end of template"),
        ("{{ question | nothere }}", "No filter named 'nothere'"),
        ("{{" + "(" * 20_000, r"recursion|unexpected|too many"),
    ],
)
def test_what_is_no_template_is_refused_before_anything_is_loaded(suite, key, text, words):
    with pytest.raises(
        ConfigError, match=rf"tasks\.riddles: its template {key} cannot .*({words}).*riddles\.yaml"
    ) as said:
        lm_eval_suite.check_tasks(suite(**{key: text}))
    assert "\n" not in str(said.value) and len(str(said.value)) < 1000


@pytest.mark.parametrize("key", ["doc_to_text", "doc_to_choice"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ nothing }}", "'nothing' is undefined"),
        ("{{ question.nothing.more }}", "has no attribute 'nothing'"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ question + 1 }}", "can only concatenate|must be str"),
        ("{{ nothing() }}", "'nothing' is undefined"),
        ("{{ question.__class__.__mro__ }}", "unsafe"),
        ("{% include 'other' %}", "get_source|loader"),
        ("{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}", "recursion"),
    ],
)
def test_what_fails_at_an_item_names_file_and_key(suite, tiny_model, key, text, words):
    with pytest.raises(
        ConfigError, match=rf"tasks\.riddles: its template {key} cannot .*({words}).*riddles\.yaml"
    ) as said:
        lm_eval_suite.scores(None, suite(**{key: text}), tiny_model, "validation")
    assert "\n" not in str(said.value)


def test_templates_that_work_are_left_alone(suite, tiny_model):
    found = lm_eval_suite.scores(None, suite(doc_to_text="{{ question | upper }}"), tiny_model, "validation")
    assert found["riddles"].n == 4


@pytest.mark.parametrize(
    "error", [ZeroDivisionError("division by zero"), ValueError("roles must\nalternate"), RecursionError()]
)
def test_a_chat_template_that_fails_at_a_prompt_is_named(error):
    class Model:
        def apply_chat_template(self, history, add_generation_prompt=True):
            if history:
                raise error
            return "said"

    model = Model()
    name_chat_template(model)
    assert model.apply_chat_template([], add_generation_prompt=False) == "said"
    with pytest.raises(
        ConfigError, match=r"chat_template: the tokenizer's chat template refuses a prompt \(.+\); fix"
    ) as said:
        model.apply_chat_template([{"role": "user"}])
    assert "\n" not in str(said.value)


@pytest.mark.parametrize("key", ["doc_to_text", "doc_to_target", "doc_to_choice", "gen_prefix"])
def test_looking_at_a_template_works_nothing_out(suite, key):
    """Jinja would make of constants what they come to while it reads a template."""
    lm_eval_suite.check_tasks(suite())
    tracemalloc.start()
    try:
        lm_eval_suite.check_tasks(suite(**{key: "{{ 'x' * 300000000 }}"}))
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()
