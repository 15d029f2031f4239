"""A stranger's folder of task files runs nothing without consent."""

import contextlib
import json
import os
import subprocess
import sys

import pytest
import yaml

from admire.campaign import task_files
from admire.campaign.schema.evaluation import Benchmarks
from admire.errors import ConfigError
from admire.evaluate import lm_eval_suite
from admire.evaluate.task_code import check_code, code_in, guarded_templates
from admire.preflight.prefetch import _tasks

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
def folder(tmp_path):
    made = tmp_path / "tasks"
    made.mkdir()
    (made / "items.jsonl").write_text("".join(json.dumps({"question": f"Is {n} one?"}) + "\n" for n in range(4)))
    return made


@pytest.fixture
def write(folder):
    def write(text="", name="riddles.yaml", **changes):
        content = {**PLAIN, "dataset_kwargs": {"data_files": {"test": str(folder / "items.jsonl")}}, **changes}
        (folder / name).write_text(yaml.safe_dump(content) + text)

    return write


def suite(folder, **settings):
    return Benchmarks(kind="lm-eval", tasks={"riddles": "acc"}, include_path=str(folder), **settings)


@pytest.mark.parametrize(
    "line",
    [
        "process_docs: !function theirs.run\n",
        "process_docs: !function os.system\n",
        "custom_dataset: !function subprocess.getoutput\n",
        "class: theirs.Task\n",
        "class: !function theirs.Task\n",
        "filter_list: [{name: x, filter: [{function: !function theirs.run}]}]\n",
        "? !function theirs.run\n: 1\n",
        "metric_list: [{metric: ./theirs, aggregation: mean, higher_is_better: true}]\n",
        "metric_list: [{metric: somebody/theirs, aggregation: mean, higher_is_better: true}]\n",
        "metric_list: [{metric: acc, hf_evaluate: true}]\n",
        "process_docs: !function admire.evaluate.programs.re\n",
        "process_docs: !function admire.evaluate.programs.current\n",
        # beside the file lies a module of that name, which lm-eval takes first
        "process_docs: !function admire.evaluate.items.items\n",
    ],
)
def test_code_in_a_folder_is_refused_by_name_before_anything_is_loaded(line, write, folder, tmp_path):
    marker = tmp_path / "ran"
    code = f"open({str(marker)!r}, 'w')\nrun = Task = items = None\n"
    (folder / "theirs.py").write_text(code)
    (folder / "admire" / "evaluate").mkdir(parents=True)
    (folder / "admire" / "evaluate" / "items.py").write_text(code)
    write(line)
    for look in (check_code, lm_eval_suite.check_tasks, lambda one: _tasks("k", one)):
        with pytest.raises(ConfigError, match=r"riddles.yaml runs code of its own .*trusts_code: true"):
            look(suite(folder))
    assert not marker.exists()


@pytest.mark.parametrize("tag", ["!!python/name:os.system", "!!python/object/apply:os.system ['true']", "!run x"])
def test_other_tags_are_refused(tag, write, folder):
    write(f"process_docs: {tag}\n")
    with pytest.raises(ConfigError, match=r"riddles.yaml"):
        lm_eval_suite.check_tasks(suite(folder))


def test_an_included_file_is_looked_at_wherever_it_lies(write, folder, tmp_path):
    (tmp_path / "common").write_text("process_docs: !function theirs.run\n")
    write("include: ../common\n")
    with pytest.raises(ConfigError, match=r"common runs code of its own \(!function theirs.run\)"):
        check_code(suite(folder))


def test_a_metric_that_is_a_script_of_the_working_folder_is_not_loaded(write, folder, tmp_path, monkeypatch):
    """The library `evaluate` takes a folder of the metric's name before anything else."""
    marker = tmp_path / "ran"
    (tmp_path / "gauge").mkdir()
    (tmp_path / "gauge" / "gauge.py").write_text(
        f"open({str(marker)!r}, 'w')\nimport evaluate\nimport datasets\n\n\nclass Gauge(evaluate.Metric):\n    pass\n"
    )
    monkeypatch.chdir(tmp_path)
    write(metric_list=[{"metric": "gauge", "aggregation": "mean", "higher_is_better": True}])
    asked = Benchmarks(kind="lm-eval", tasks={"riddles": "gauge"}, include_path=str(folder))
    for look in (check_code, lambda one: _tasks("k", one)):
        with pytest.raises(ConfigError, match="metric: gauge"):
            look(asked)
    with guarded_templates(asked):
        from lm_eval.api.registry import get_metric

        assert get_metric("gauge") is None and get_metric(str(tmp_path / "gauge"), True) is None
    assert not marker.exists()


def test_functions_that_are_made_for_task_files_need_no_consent(write, folder):
    write("process_docs: !function admire.evaluate.items.items\n")
    check_code(suite(folder))


@pytest.mark.parametrize("shipped", ["config/tasks", "config/tulu-tasks"])
def test_the_folders_that_come_with_admire_need_none_either(shipped, pytestconfig):
    assert code_in(suite(pytestconfig.rootpath / shipped)) == []


@pytest.mark.parametrize("key", ["doc_to_text", "doc_to_target", "doc_to_choice", "gen_prefix"])
def test_a_text_that_reaches_for_python_reaches_nothing(key, write, folder, tmp_path, tiny_model):
    marker = tmp_path / "ran"
    attack = "{{ cycler.__init__.__globals__.os.system('touch " + str(marker) + "') }}"
    write(**{key: attack})
    with pytest.raises(Exception, match="unsafe"):
        lm_eval_suite.scores(None, suite(folder), tiny_model, "validation")
    assert not marker.exists()


def test_consent_lets_code_and_templates_run_and_ordinary_tasks_need_none(write, folder, tmp_path, tiny_model):
    marker = tmp_path / "ran"
    write()
    plain = lm_eval_suite.scores(None, suite(folder), tiny_model, "validation")
    (folder / "theirs.py").write_text(f"def run(rows):\n    open({str(marker)!r}, 'w')\n    return rows\n")
    write("process_docs: !function theirs.run\n")
    trusting = suite(folder, trusts_code=True)
    assert code_in(trusting) == [(folder / "riddles.yaml", "!function theirs.run")]
    assert lm_eval_suite.scores(None, trusting, tiny_model, "validation") == plain and marker.exists()


@pytest.mark.parametrize(
    "includes",
    [
        {"riddles.yaml": "riddles.yaml"},
        {"riddles.yaml": "b", "b": "riddles.yaml"},
        {"riddles.yaml": "b", "b": "c", "c": "./b"},
    ],
)
def test_a_file_that_includes_itself_is_refused(includes, write, folder):
    for name, included in includes.items():
        write(f"include: {included}\n", name=name)
    for look in (task_files.read, task_files.with_includes):
        with pytest.raises(ConfigError, match="includes itself"):
            look(folder / "riddles.yaml")
    with pytest.raises(ConfigError, match="includes itself"):
        lm_eval_suite.check_tasks(suite(folder))


def test_a_plan_refuses_the_folder_in_one_sentence(write, folder, tmp_path, pytestconfig):
    marker = tmp_path / "ran"
    (folder / "theirs.py").write_text(f"open({str(marker)!r}, 'w')\nrun = None\n")
    write("process_docs: !function theirs.run\n")
    laptop = yaml.safe_load((pytestconfig.rootpath / "config" / "laptop.yaml").read_text())
    laptop |= {"results": str(tmp_path / "results")}
    laptop["evaluation"]["k"] = {"kind": "lm-eval", "include_path": str(folder), "tasks": {"riddles": "acc"}}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(laptop))
    command = [sys.executable, "-m", "admire.cli.main", "plan", str(tmp_path / "c.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=pytestconfig.rootpath)
    assert done.returncode == 1 and "evaluation.k: include_path:" in done.stderr and len(done.stderr.splitlines()) == 1
    assert not marker.exists()


# What lm-eval reads is what was looked at, whatever a folder does to have another file looked at. `@` is the test's folder.
HOSTILE = {"dataset_kwargs": {"data_files": {"test": "@/secret.jsonl"}}}
RUNS = "process_docs: !function admire.evaluate.items.items\n"


def disguise_by_include(write, folder):
    (folder / "aaa.yaml").write_text("include: hidden\n")
    write(name="hidden", **HOSTILE)


def disguise_by_spelling(write, folder):
    write(name="aaa.yaml", **HOSTILE)
    text = (folder / "aaa.yaml").read_text()
    (folder / "aaa.yaml").write_text(text.replace("task: riddles", '"task": "ridd\\x6ces"'))


def disguise_by_order(write, folder):
    (folder / "riddles").mkdir()
    write(name="riddles/riddles.yaml")
    (folder / "riddles.yaml").unlink()
    write(name="riddles-a.yaml", **HOSTILE)


def disguise_by_a_folder_that_is_passed_over(write, folder):
    (folder / ".ipynb_checkpoints").mkdir()
    write(name=".ipynb_checkpoints/riddles.yaml")
    write(**HOSTILE)


def disguise_by_a_block_of_text(write, folder):
    write(name="aaa.yaml", task="other", doc_to_text="{{question}}")
    with open(folder / "aaa.yaml", "a") as stream:
        stream.write('description: "\n\ntask: riddles\n\n"\n')
    write(**HOSTILE)


def disguise_by_a_file_that_lm_eval_skips(write, folder):
    write("include: [a, b]\n", name="aaa.yaml")
    for name in ("a", "b"):
        (folder / name).write_text("include: c\n")
    (folder / "c").write_text("num_fewshot: 0\n")
    write(**HOSTILE)


def disguise_by_a_tag(write, folder):
    write(name="aaa.yaml", task="other", tag="riddles", **HOSTILE)


@pytest.mark.parametrize(
    "disguise",
    [
        disguise_by_include,
        disguise_by_spelling,
        disguise_by_order,
        disguise_by_a_folder_that_is_passed_over,
        disguise_by_a_block_of_text,
        disguise_by_a_file_that_lm_eval_skips,
        disguise_by_a_tag,
    ],
)
def test_no_other_file_is_loaded_than_the_one_that_was_checked(disguise, write, folder, tmp_path, tiny_model):
    (tmp_path / "secret.jsonl").write_text(json.dumps({"question": "secret"}) + "\n")
    write()
    disguise(lambda text="", **changes: write(text, **told(changes, tmp_path)), folder)
    with pytest.raises(ConfigError, match=r"leads out of|which lm-eval finds"):
        lm_eval_suite.scores(None, suite(folder), tiny_model, "validation")


def told(changes, tmp_path):
    return json.loads(json.dumps(changes).replace("@", str(tmp_path)))


@pytest.mark.parametrize("way", ["module", "include"])
def test_a_task_file_that_is_a_link_is_read_where_it_leads(way, write, folder, tmp_path):
    """lm-eval looks for modules and included files beside the target of a link."""
    marker = tmp_path / "ran"
    code = folder / "below" / "admire" / "evaluate" / "items.py"
    code.parent.mkdir(parents=True)
    code.write_text(f"open({str(marker)!r}, 'w')\nitems = None\n")
    (folder / "common").write_text("num_fewshot: 0\n")
    (folder / "below" / "common").write_text("process_docs: !function theirs.run\n")
    (folder / "below" / "theirs.py").write_text(f"open({str(marker)!r}, 'w')\nrun = None\n")
    write(RUNS if way == "module" else "include: common\n", name="below/real")
    (folder / "riddles.yaml").symlink_to(folder / "below" / "real")
    for look in (check_code, lm_eval_suite.check_tasks, lambda one: _tasks("k", one)):
        with pytest.raises(ConfigError, match="runs code of its own"):
            look(suite(folder))
    assert not marker.exists()


@pytest.mark.parametrize("place", ["riddles.yaml", "common", "prompts.yaml.txt"])
def test_what_is_no_file_is_refused_before_anybody_waits_for_it(place, write, folder):
    write("include: common\n", **({"use_prompt": f"{folder}/{place}:x"} if "prompts" in place else {}))
    (folder / "common").write_text("num_fewshot: 0\n")
    (folder / place).unlink(missing_ok=True)
    os.mkfifo(folder / place)
    with pytest.raises(ConfigError, match=f"{place}.*no regular file"):
        lm_eval_suite.check_tasks(suite(folder))


@pytest.mark.parametrize("tag", ["!!python/name:os.system", "!!python/object/apply:os.getcwd []", "!run os.getcwd"])
def test_a_file_of_prompts_is_read_as_plain_data(tag, write, folder):
    """lm-eval reads it with a loader that knows tags of Python."""
    (folder / "prompts.yaml.txt").write_text(f"prompts: {{x: {{doc_to_text: {tag}, doc_to_target: a}}}}\n")
    write(use_prompt=f"{folder}/prompts.yaml.txt:x")
    with pytest.raises(ConfigError, match=r"prompts\.yaml\.txt"):
        lm_eval_suite.check_tasks(suite(folder))


@pytest.mark.parametrize(
    "changes",
    [
        {"description": "@"},
        {"fewshot_config": {"samples": [{"question": "a"}], "doc_to_text": "@"}, "num_fewshot": 1},
        {"fewshot_config": {"samples": [{"question": "a"}], "doc_to_target": "@"}, "num_fewshot": 1},
        {"fewshot_config": {"samples": [{"question": "a"}], "gen_prefix": "@"}, "num_fewshot": 1},
        {"should_decontaminate": True, "doc_to_decontamination_query": "@"},
        {"target_delimiter": "@"},
        {"fewshot_delimiter": "@", "num_fewshot": 1, "fewshot_config": {"samples": [{"question": "a"}]}},
    ],
)
def test_a_text_anywhere_else_in_a_task_reaches_nothing_either(changes, write, folder, tmp_path, tiny_model):
    marker = tmp_path / "ran"
    attack = "{{ cycler.__init__.__globals__.os.system('touch " + str(marker) + "') }}"
    write(**json.loads(json.dumps(changes).replace("@", json.dumps(attack)[1:-1])))
    with contextlib.suppress(Exception):  # Some of these texts are never rendered; then there is a score.
        lm_eval_suite.scores(None, suite(folder), tiny_model, "validation")
    assert not marker.exists()
