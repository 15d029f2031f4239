"""A stranger's folder of task files has nothing read but what lies in it and what the campaign lets it read."""

import json
import os

import pytest
import yaml

from admire.campaign.recipes import suite_digest
from admire.cli.main import main
from admire.errors import ConfigError
from admire.evaluate import lm_eval_suite
from admire.preflight.prefetch import _tasks
from admire.preflight.tasks import check_tasks

TASK = {
    "task": "riddles",
    "test_split": "test",
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}",
    "doc_to_target": 0,
    "doc_to_choice": ["yes", "no"],
    "metadata": {"version": 1.0},
}
ROW = json.dumps({"question": "Is one one?"}) + "\n"


@pytest.fixture
def refusal(tmp_path, monkeypatch, make_campaign):
    """What is said of a task that says this, or None; `@` is the test's folder."""
    monkeypatch.chdir(tmp_path)
    for place in ("tasks/items.jsonl", "tasks/sub/items.jsonl", "tasks/set/test.jsonl", "secret/s.jsonl"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(ROW)
    (tmp_path / "tasks/link.jsonl").symlink_to(tmp_path / "secret/s.jsonl")
    (tmp_path / "tasks/linked").symlink_to(tmp_path / "secret")
    (tmp_path / "tasks/leads").mkdir()
    (tmp_path / "tasks/leads/test.jsonl").symlink_to(tmp_path / "secret/s.jsonl")
    (tmp_path / "tasks/deep").mkdir()
    (tmp_path / "tasks/deep/data").symlink_to(tmp_path / "secret")
    (tmp_path / "tasks/names").mkdir()
    (tmp_path / "tasks/names/README.md").write_text("---\nconfigs:\n- data_files: ../../secret/s.jsonl\n---\n")

    def tell(suite=None, **task):
        content = yaml.safe_dump(TASK | task).replace("@", str(tmp_path))
        (tmp_path / "tasks/riddles.yaml").write_text(content)
        asked = {"kind": "lm-eval", "include_path": "tasks", "tasks": {"riddles": "acc"}, **(suite or {})}
        campaign = make_campaign({"k": asked}, f"k/{next(iter(asked['tasks']))}")
        tell.campaign = campaign
        try:
            check_tasks(campaign, "tiny.yaml")
        except ConfigError as error:
            assert "\n" not in str(error)
            with pytest.raises(ConfigError):
                _tasks("k", campaign.evaluation["k"])
            return str(error)
        return None

    return tell


def files(named, **more):
    return {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": named}, **more}}


OUT = {
    "an absolute path": files("@/secret/s.jsonl"),
    "above": files("tasks/../secret/s.jsonl"),
    "relative": files("secret/s.jsonl"),
    "one of several": files(["tasks/items.jsonl", "secret/s.jsonl"]),
    "a pattern": files("secret/*.jsonl"),
    "a link": files("tasks/link.jsonl"),
    "a linked folder": files("tasks/linked/s.jsonl"),
    "a pattern with a link": files("tasks/*.jsonl"),
    "a folder": {"dataset_path": "json", "dataset_kwargs": {"data_dir": "secret"}},
    "a folder and a file": files("../secret/s.jsonl", data_dir="tasks"),
    "a dataset": {"dataset_path": "@/secret"},
    "a dataset relative": {"dataset_path": "secret"},
    "a dataset with a link": {"dataset_path": "tasks/leads"},
    "a dataset with a linked folder": {"dataset_path": "tasks/deep"},
    "a dataset whose README names another": {"dataset_path": "tasks/names"},
    "a file of a dataset": {"dataset_path": "tasks/set", "dataset_kwargs": {"data_files": "../../secret/s.jsonl"}},
    "a file beside a name on the hub": files("@/secret/s.jsonl") | {"dataset_path": "me/words"},
    "a prompt": files("tasks/items.jsonl") | {"use_prompt": "secret/p.yaml:one"},
}


@pytest.mark.parametrize("what", OUT)
def test_what_leads_out_of_the_folder_is_refused_by_task_and_place(refusal, what):
    said = refusal(**OUT[what])
    assert said.startswith("tiny.yaml: evaluation.k: tasks.riddles: tasks/riddles.yaml: ") or "README" in said
    assert "secret" in said


@pytest.mark.parametrize("what", OUT)
def test_so_does_a_member_that_stands_within_a_group(refusal, what, tmp_path):
    refusal()
    member = {**TASK, "task": "inner", **OUT[what]}
    group = {"group": "all", "task": [member], "aggregate_metric_list": [{"metric": "acc"}]}
    (tmp_path / "tasks/all.yaml").write_text(yaml.safe_dump(group).replace("@", str(tmp_path)))
    said = refusal({"tasks": {"all": "acc"}}, **files("tasks/items.jsonl"))
    assert "secret" in said and "tasks.all" in said


@pytest.mark.parametrize("what", [key for key in OUT if "README" not in key and "prompt" not in key])
def test_what_the_suite_declares_may_be_read_and_the_plan_names_it(refusal, what, tmp_path, capsys):
    assert refusal({"reads": [str(tmp_path / "secret")]}, **OUT[what]) is None
    (tmp_path / "c.yaml").write_text(
        yaml.safe_dump(tell_yaml(refusal.campaign.model_dump(mode="json", exclude_none=True)))
    )
    assert main(["plan", "c.yaml"]) == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert "outside tasks as their data" in said and (
        "secret" in said or "link" in said or "leads" in said or "deep" in said
    )


def tell_yaml(campaign):
    return campaign | {"budget": {"total": 40}}


@pytest.mark.parametrize(
    "task",
    [
        files("@/tasks/items.jsonl"),
        files("tasks/sub/../items.jsonl"),
        files("tasks/**/items.jsonl"),
        {"dataset_path": "tasks/set"},
        {"dataset_path": "tasks/set", "dataset_kwargs": {"data_files": {"test": "test.jsonl"}}},
        {"dataset_path": "json", "dataset_kwargs": {"data_dir": "tasks/sub"}},
        {"dataset_path": "me/words"},
        {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": "https://nowhere/a.jsonl"}}},
    ],
)
def test_what_lies_in_the_folder_or_on_the_hub_needs_no_word(refusal, task):
    assert refusal(**task) is None


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "zip://*::@/secret/a.zip", "local://@/secret/s.jsonl", "https://x/a.zip::y"]
)
def test_other_addresses_are_refused(refusal, address):
    assert "name a file of the folder, or an address (https://, hf://)" in refusal(**files(address))


@pytest.mark.parametrize("key", ["cache_dir", "storage_options", "download_config"])
def test_settings_that_have_something_written_or_read_elsewhere_are_refused(refusal, key, tmp_path):
    assert f"its dataset_kwargs say {key}" in refusal(**files("tasks/items.jsonl", **{key: "@/secret/new"}))
    assert not os.path.exists(tmp_path / "secret/new")


@pytest.mark.parametrize("reader", ["pandas", "webdataset", "eval"])
def test_readers_that_are_none_of_the_plain_ones_are_refused(refusal, reader):
    assert f"dataset_path: {reader} is none of" in refusal(**files("tasks/items.jsonl") | {"dataset_path": reader})


def test_consent_to_code_is_consent_to_files_and_no_consent_changes_a_score(refusal, tmp_path, tiny_model):
    task = files("secret/s.jsonl")
    assert refusal(**task) is not None
    names = set()
    for settings in ({}, {"trusts_code": True}, {"reads": [str(tmp_path / "secret/s.jsonl")]}):
        refusal(settings, **task)
        names.add(suite_digest(refusal.campaign, "k"))
    assert len(names) == 1 and refusal({"trusts_code": True}, **task) is None
    assert lm_eval_suite.scores(None, refusal.campaign.evaluation["k"], tiny_model, "validation")["riddles"].n == 1
