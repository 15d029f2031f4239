"""Words of a task's file that lm-eval does not know, or of which it takes the last, are refused before anything is trained."""

import json

import pytest
import yaml

from admire.campaign.schema.evaluation import Benchmarks
from admire.errors import ConfigError
from admire.evaluate import lm_eval_suite
from admire.preflight.tasks import check_tasks

PLAIN = """task: riddles
dataset_path: json
dataset_kwargs: {data_files: {test: %s}}
test_split: test
doc_to_text: "{{question}}"
doc_to_target: "{{answer}}"
metadata: {version: 1.0}
"""
ACC = "{metric: acc, aggregation: mean}"
EXACT = "{metric: exact_match, aggregation: mean}"


@pytest.fixture
def refusal(tmp_path, make_campaign):
    """What is said of a task of these lines, or None; with other settings of its suite."""
    (tmp_path / "t").mkdir()
    rows = tmp_path / "t" / "items.jsonl"
    rows.write_text(json.dumps({"question": "One?", "answer": "yes"}) + "\n")

    def tell(lines, metric="exact_match", task="riddles", **settings):
        (tmp_path / "t" / "riddles.yaml").write_text(PLAIN % rows + lines + "\n")
        suite = {"kind": "lm-eval", "include_path": str(tmp_path / "t"), "tasks": {task: metric}, **settings}
        campaign = make_campaign({"k": suite}, f"k/{task}")
        try:
            check_tasks(campaign, "tiny.yaml")
        except ConfigError as error:
            assert "\n" not in str(error)
            return str(error)
        return None

    return tell


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (f"metric_list: [{EXACT}, {EXACT}]", "its metric_list has exact_match twice, and lm-eval takes the last"),
        (f"metric_list: [{EXACT}, {{metric: exact_match, ignore_case: true}}]", "exact_match twice"),
        ("filter_list: [{name: none, filter: [{function: take_first}]}, {name: none, filter: []}]", "none twice"),
        ("doc_to_txt: q", "lm-eval has no key 'doc_to_txt'; did you mean 'doc_to_text'?"),
        ("output_type: generate_untill", "no output_type 'generate_untill'; did you mean 'generate_until'?"),
        ("metric_list: [{metric: exact_match, aggregation: meen}]", "no aggregation 'meen'; did you mean 'mean'?"),
        ("metric_list: [{metric: exact_match, aggregation: ~}]", "no aggregation 'None'"),
        (f"metric_list: [{EXACT}, {{metric: bleuu, aggregation: bleu}}]", "no metric 'bleuu'; did you mean 'bleu'?"),
        ("filter_list: [{name: none, filter: [{function: regexx}]}]", "no filter 'regexx'; did you mean 'regex'?"),
        (
            "filter_list: [{name: none, filter: [{function: regex, regex_pattern: '('}]}]",
            "the filter regex of none cannot be",
        ),
        (
            "filter_list: [{name: none, filter: [{function: take_first_k}]}]",
            "the filter take_first_k of none cannot be made",
        ),
        ("filter_list: [{name: none}]", "none has no list of steps"),
    ],
)
def test_what_can_never_be_scored_as_it_is_written_is_refused_by_file_and_word(refusal, lines, words):
    said = refusal(lines)
    assert said.startswith("tiny.yaml: evaluation.k: tasks.riddles: ")
    assert words in said and "riddles.yaml" in said


def test_a_metric_without_an_aggregation_of_its_own_is_refused(refusal):
    lines = "metric_list: [{metric: odd}]\nprocess_results: !function admire.evaluate.answers.contains_answer"
    assert "its metric odd says no aggregation, and lm-eval has none for it" in refusal(lines, "odd")


def test_a_metric_of_the_other_library_wants_consent(refusal):
    lines = "metric_list: [{metric: rouge, aggregation: mean}]"
    assert "lm-eval has no metric 'rouge'" in refusal(lines, "rouge")
    assert "wants trusts_code: true" in refusal(lines, "rouge")
    assert refusal(lines, "rouge", trusts_code=True) is None


@pytest.mark.parametrize(
    "lines",
    [
        "",
        f"metric_list: [{EXACT}, {{metric: acc}}]",
        "filter_list: [{name: none, filter: [{function: regex, regex_pattern: '(a)'}, {function: take_first}]}]",
        "process_results: !function admire.evaluate.answers.contains_answer\nmetric_list: [{metric: x, aggregation: mean}]",
    ],
)
def test_ordinary_files_pass(refusal, lines):
    assert refusal(lines, "x" if "process" in lines else "exact_match") is None


def test_what_a_files_own_code_may_name_is_left_to_it(refusal):
    lines = "process_docs: !function theirs.run\nmetric_list: [{metric: exact_match, aggregation: their_mean}]"
    assert refusal(lines, trusts_code=True) is None


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ("[{metric: acc, aggregation: median}]", "no aggregation 'median'"),
        ("[{metric: acc, weight: 1}]", "aggregate_metric_list: lm-eval has no key 'weight'"),
        ("[{metric: acc}, {metric: acc}]", "its aggregate_metric_list has acc twice"),
    ],
)
def test_so_is_what_a_group_says_of_its_members(refusal, tmp_path, listed, words):
    (tmp_path / "t" / "all.yaml").write_text(f"group: all\ntask: [riddles]\naggregate_metric_list: {listed}\n")
    said = refusal("output_type: multiple_choice", "acc", "all")
    assert words in said and "all.yaml" in said


def test_a_member_of_a_group_is_named_by_its_file(refusal, tmp_path):
    (tmp_path / "t" / "all.yaml").write_text("group: all\ntask: [riddles]\naggregate_metric_list: [{metric: acc}]\n")
    assert "riddles.yaml: its metric_list has acc twice" in refusal(f"metric_list: [{ACC}, {ACC}]", "acc", "all")


@pytest.mark.parametrize("folder", ["config/tasks", "config/tulu-tasks"])
def test_the_files_that_come_with_admire_pass(folder, pytestconfig):
    place = pytestconfig.rootpath / folder
    for path in place.glob("*.yaml"):
        content = yaml.safe_load(path.read_text().replace("!function", ""))
        name, metric = content["task"], content.get("metric_list", [{"metric": "acc"}])[0]["metric"]
        asked = {str(name if isinstance(name, str) else content["group"]): metric}
        lm_eval_suite.check_words(Benchmarks(kind="lm-eval", include_path=str(place), tasks=asked))
