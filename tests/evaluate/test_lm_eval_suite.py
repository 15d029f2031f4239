"""lm-eval on our own tasks with a tiny random model."""

import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from admire.campaign.schema.evaluation import Benchmarks, Task
from admire.errors import ConfigError, TrialError
from admire.evaluate import lm_eval_suite

TASKS = Path(__file__).parents[2] / "config" / "tasks"
OURS = sorted(path.stem for path in TASKS.glob("*.yaml"))


def suite(tasks, **settings):
    return Benchmarks(kind="lm-eval", tasks=tasks, include_path=str(TASKS), batch_size=8, **settings)


def test_every_task_of_ours_is_scored_with_its_standard_error(tiny_model):
    scores = lm_eval_suite.scores(
        None, suite(dict.fromkeys(OURS, "acc"), limit=8, chat_template=True), tiny_model, "validation"
    )
    assert sorted(scores) == OURS and len(OURS) >= 8
    for score in scores.values():
        p = score.value
        assert score.n == 8 and (8 * p) == int(8 * p)
        assert score.stderr == pytest.approx((p * (1 - p) / 7) ** 0.5)  # of a mean of 8 zeros and ones


def test_the_same_model_gets_the_same_scores_and_the_splits_differ(tiny_model):
    twice = [lm_eval_suite.scores(None, suite({"format": "acc"}), tiny_model, "validation") for _ in range(2)]
    assert twice[0] == twice[1]
    assert lm_eval_suite.scores(None, suite({"format": "acc"}), tiny_model, "test") != twice[0]


@pytest.mark.parametrize(
    ("tasks", "sentence"),
    [
        ({"fcats": "acc"}, "tasks.fcats: .*did you mean 'facts'"),
        ({"facts": "ac"}, "tasks.facts: .*no metric 'ac'; did you mean 'acc'"),
    ],
)
def test_unknown_tasks_and_metrics_are_refused_without_a_model(tasks, sentence):
    with pytest.raises(ConfigError, match=sentence):
        lm_eval_suite.check_tasks(suite(tasks))


def test_a_metric_with_an_unknown_filter_is_refused_with_what_there_is(tiny_model):
    with pytest.raises(ConfigError, match="acc,none"):
        lm_eval_suite.scores(None, suite({"facts": "acc,strict-match"}, limit=2), tiny_model, "test")


def test_tasks_that_run_generated_code_are_refused(tmp_path):
    (tmp_path / "programs.yaml").write_text("task: programs\nunsafe_code: true\ndataset_path: json\n")
    (tmp_path / "all.yaml").write_text("group: everything\ntask: [programs]\naggregate_metric_list: [{metric: acc}]\n")
    for task in ("programs", "everything"):
        with pytest.raises(ConfigError, match=f"tasks.{task}: .*runs code that the model wrote"):
            lm_eval_suite.check_tasks(Benchmarks(kind="lm-eval", tasks={task: "acc"}, include_path=str(tmp_path)))


def test_consent_lets_them_pass(tmp_path):
    (tmp_path / "programs.yaml").write_text("task: programs\nunsafe_code: true\ndataset_path: json\ntest_split: test\n")
    lm_eval_suite.check_tasks(
        Benchmarks(kind="lm-eval", tasks={"programs": "acc"}, include_path=str(tmp_path), runs_code=True)
    )


def test_programs_that_a_model_wrote_are_run_with_consent(tiny_model, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text(
        '{"prompt": "def f():\\n", "test": "def check(f): pass", "entry_point": "f", "canonical_solution": ""}\n'
    )
    (tmp_path / "programs.yaml").write_text(
        f"include: {TASKS.parent}/tulu-tasks/_humaneval_yaml\ntask: programs\ndataset_path: json\n"
        f"dataset_kwargs: {{data_files: {{test: {rows}}}}}\n"
        "generation_kwargs: {until: [x], do_sample: true, temperature: 0.8, max_gen_toks: 4}\n"
    )
    consenting = Benchmarks(
        kind="lm-eval", tasks={"programs": "pass_at_10"}, include_path=str(tmp_path), runs_code=True, chat_template=True
    )
    assert lm_eval_suite.scores(None, consenting, tiny_model, "test")["programs"].value == 0


def test_each_task_is_shown_its_own_number_of_examples(tiny_model, tmp_path, monkeypatch):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(f'{{"q": "question {i}", "a": "{i % 2}"}}\n' for i in range(6)))
    for name in ("one", "two"):
        (tmp_path / f"{name}.yaml").write_text(
            f"task: {name}\ndataset_path: json\ndataset_kwargs: {{data_files: {{test: {rows}}}}}\ntest_split: test\n"
            "fewshot_split: test\noutput_type: multiple_choice\ndoc_to_text: '{{q}}'\ndoc_to_target: '{{a|int}}'\n"
            "doc_to_choice: ['0', '1']\nmetric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]\n"
        )
    (tmp_path / "both.yaml").write_text(
        "group: both\ntask: [two]\naggregate_metric_list: [{metric: acc, aggregation: mean, weight_by_size: true}]\n"
    )
    asked = {"one": "acc", "both": Task(metric="acc", few_shot=2)}
    prompts = {}

    from lm_eval.models.huggingface import HFLM

    def spy(self, requests, **kwargs):
        for request in requests:
            prompts.setdefault(request.task_name, []).append(request.args[0].count("question"))
        return [(0.0, False)] * len(requests)

    monkeypatch.setattr(HFLM, "loglikelihood", spy)
    scores = lm_eval_suite.scores(
        None, Benchmarks(kind="lm-eval", tasks=asked, include_path=str(tmp_path)), tiny_model, "test"
    )
    assert set(prompts["one"]) == {1} and set(prompts["two"]) == {3}
    assert scores["both"].value == scores["one"].value


def test_a_missing_folder_of_tasks_is_refused():
    with pytest.raises(ConfigError, match="nowhere is no folder"):
        lm_eval_suite.check_tasks(Benchmarks(kind="lm-eval", tasks={"facts": "acc"}, include_path="nowhere"))


def write_tasks(folder, **tasks):
    for name, more in tasks.items():
        (folder / f"{name}.yaml").write_text(
            f"task: {name}\ndataset_path: json\ntest_split: test\ndoc_to_text: q\n{more}\n"
        )


@pytest.mark.parametrize(
    ("tasks", "sentence"),
    [
        (("pair", "one"), "tasks.one: it overlaps with tasks.pair, one is part of the other"),
        (("pair", "other"), "tasks.other: .*tasks.pair, one is part of both"),
        (("outer", "pair"), "tasks.pair: .*tasks.outer"),
        (("bunch",), "tasks.bunch: this is a tag.*name its tasks: one, two"),
        (("bare",), "tasks.bare: this group has no score of its own; name its tasks: one, two"),
        (("broken",), "tasks.broken: its member nothing is no task"),
    ],
)
def test_a_task_twice_tags_and_groups_without_a_score_are_refused(tmp_path, tasks, sentence):
    write_tasks(tmp_path, one="tag: bunch", two="tag: [bunch, more]")
    score = "aggregate_metric_list: [{metric: acc}]\n"
    (tmp_path / "pair.yaml").write_text(f"group: pair\ntask: [one, two]\n{score}")
    (tmp_path / "other.yaml").write_text(f"group: other\ntask: [{{task: one, num_fewshot: 1}}]\n{score}")
    (tmp_path / "outer.yaml").write_text(f"group: outer\ntask: [{{group: inner, task: [two]}}]\n{score}")
    (tmp_path / "bare.yaml").write_text("group: bare\ntask: [bunch]\n")
    (tmp_path / "broken.yaml").write_text(f"group: broken\ntask: [nothing]\n{score}")
    asked = Benchmarks(kind="lm-eval", tasks=dict.fromkeys(tasks, "acc"), include_path=str(tmp_path))
    with pytest.raises(ConfigError, match=sentence):
        lm_eval_suite.check_tasks(asked)


TWICE = {
    "task": ("one.yaml", "doc_to_text: other"),
    "nested": ("one.yaml", "metric_list: [{metric: acc, metric: f1}]"),
    "included": ("common.yaml", "num_fewshot: 1\nnum_fewshot: 2"),
    "group": ("all.yaml", "aggregate_metric_list: [{metric: f1}]"),
    "outer group": ("outer.yaml", "aggregate_metric_list: [{metric: f1}]"),
}


@pytest.mark.parametrize("place", TWICE)
def test_a_key_that_stands_twice_in_a_task_file_is_refused(tmp_path, place):
    (tmp_path / "common.yaml").write_text("output_type: generate_until\n")
    write_tasks(tmp_path, one="include: common.yaml")
    score = "aggregate_metric_list: [{metric: acc}]\n"
    (tmp_path / "all.yaml").write_text(f"group: all\ntask: [one]\n{score}")
    (tmp_path / "outer.yaml").write_text(f"group: outer\ntask: [all]\n{score}")
    asked = Benchmarks(kind="lm-eval", tasks={"outer": "acc"}, include_path=str(tmp_path))
    lm_eval_suite.check_tasks(asked)
    name, more = TWICE[place]
    text = (tmp_path / name).read_text()
    (tmp_path / name).write_text(f"{text}{more}\n")
    with pytest.raises(ConfigError, match=rf"{name}, line \d+: the key '\w+' stands twice, with two values; keep"):
        lm_eval_suite.check_tasks(asked)


def test_a_key_that_says_the_same_twice_in_a_task_file_is_no_matter(tmp_path):
    """As it does in tasks that lm-eval ships."""
    write_tasks(tmp_path, one="num_fewshot: 0\nnum_fewshot: 0\nmetric_list: [{metric: acc}]")
    lm_eval_suite.check_tasks(Benchmarks(kind="lm-eval", tasks={"one": "acc"}, include_path=str(tmp_path)))


def test_prompts_show_what_the_file_says_unless_the_yaml_says_another_number(tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(f'{{"q": "question {i}", "a": "{i % 2}"}}\n' for i in range(6)))
    common = (
        f"dataset_kwargs: {{data_files: {{test: {rows}}}}}\nfewshot_split: test\n"
        "output_type: multiple_choice\ndoc_to_target: '{{a|int}}'\ndoc_to_choice: ['0', '1']\n"
        "metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]"
    )
    write_tasks(tmp_path, two=f"{common}\nnum_fewshot: 2", silent=common)
    for said, shots in ((None, {"two": 2, "silent": 0}), (1, {"two": 1, "silent": 1})):
        asked = Benchmarks(
            kind="lm-eval", tasks={"two": "acc", "silent": "acc"}, include_path=str(tmp_path), few_shot=said
        )
        loaded = lm_eval_suite._load(asked, "test")["tasks"]
        assert {name: task.get_config("num_fewshot") for name, task in loaded.items()} == shots


def test_a_model_that_is_not_whole_is_not_scored(tiny_model, tmp_path):
    """lm-eval would load random numbers in the place of what its file lacks."""
    folder = tmp_path / "model"
    shutil.copytree(tiny_model, folder)
    found = load_file(folder / "model.safetensors")
    found.pop("model.norm.weight")
    save_file(found, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(TrialError, match=r"model: these weights lack 1 .*\(model\.norm\.weight\)"):
        lm_eval_suite.scores(None, suite({"format": "acc"}, limit=2), folder, "validation")
