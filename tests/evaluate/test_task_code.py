"""A stranger's folder of task files runs nothing without consent."""

import json
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
