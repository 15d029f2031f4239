"""Tasks are what they were when their suite was first seen, or the campaign does not go on with it."""

import json
import os
import re
import shutil
from pathlib import Path

import datasets
import pytest
import yaml

from admire.campaign import task_files
from admire.campaign.loading import load
from admire.cli.main import main
from admire.preflight.check import begin

EARLIER = Path(__file__).parents[1] / "workflow/earlier/results.tar.xz"
TASK = """task: {name}
include: _common
test_split: test
doc_to_text: "{{{{question}}}}"
"""
COMMON = """output_type: multiple_choice
doc_to_choice: choices
doc_to_target: !function helpers.target
dataset_path: me/words
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A campaign that begins with a task of lm-eval's own, a small one in its place, whose data come from the hub."""
    monkeypatch.chdir(tmp_path)
    shutil.unpack_archive(EARLIER, tmp_path)
    shipped = tmp_path / "lm_eval/tasks"
    (shipped / "words").mkdir(parents=True)
    (shipped / "words/easy.yaml").write_text(TASK.format(name="easy"))
    (shipped / "words/hard.yaml").write_text(TASK.format(name="hard"))
    (shipped / "words/_common").write_text(COMMON)
    (shipped / "words/helpers.py").write_text("def target(document):\n    return document['answer']\n")
    monkeypatch.setattr(task_files, "shipped", lambda: shipped)
    task_files.shipped_index.cache_clear()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    fetch(tmp_path, "a" * 40)
    raw = yaml.safe_load(Path("chats.yaml").read_text())
    raw["evaluation"]["shipped"] = {"kind": "lm-eval", "tasks": {"easy": "acc"}}
    Path("chats.yaml").write_text(yaml.safe_dump(raw))
    begin(load("chats.yaml"))
    yield tmp_path
    task_files.shipped_index.cache_clear()


def fetch(folder, commit):
    """What `datasets` leaves of a commit."""
    place = folder / "datasets/me___words/default/0.0.0" / commit
    place.mkdir(parents=True)
    (place / "dataset_info.json").write_text("{}")
    os.utime(place, (len(list(place.parent.iterdir())),) * 2)


def refused(capsys):
    capsys.readouterr()
    code = main(["preflight", "chats.yaml"])
    return capsys.readouterr().err if code else None


CHANGES = {
    "the task": lambda folder: append(folder / "lm_eval/tasks/words/easy.yaml", "# other\n"),
    "what it includes": lambda folder: append(folder / "lm_eval/tasks/words/_common", "num_fewshot: 0\n"),
    "its code": lambda folder: append(folder / "lm_eval/tasks/words/helpers.py", "    # other\n"),
}


def append(path, text):
    path.write_text(path.read_text() + text)


@pytest.mark.parametrize("change", CHANGES)
def test_another_file_of_lm_eval_is_refused_with_both_digests(folder, capsys, change):
    assert refused(capsys) is None
    CHANGES[change](folder)
    said = refused(capsys)
    place = r"evaluation\.shipped\.tasks\.easy, as lm-eval ships it \(was [0-9a-f]{16}, is [0-9a-f]{16}\)"
    assert re.search(place, said) and said.count("\n") == 1 and "install lm_eval" in said


def test_a_newer_commit_of_the_data_is_refused_with_both(folder, capsys):
    fetch(folder, "b" * 40)
    assert f"tasks.easy, dataset me/words (was {'a' * 16}, is {'b' * 16})" in refused(capsys)


def test_what_no_suite_asks_for_may_change(folder, capsys):
    append(folder / "lm_eval/tasks/words/hard.yaml", "# other\n")
    assert refused(capsys) is None


def test_a_suite_is_frozen_when_it_is_first_seen_and_under_another_name_anew(folder, capsys):
    raw = yaml.safe_load(Path("chats.yaml").read_text())
    append(folder / "lm_eval/tasks/words/easy.yaml", "# other\n")
    raw["evaluation"]["again"] = raw["evaluation"].pop("shipped")
    Path("chats.yaml").write_text(yaml.safe_dump(raw))
    assert refused(capsys) is None
    begin(load("chats.yaml"))
    keys = json.loads(Path("results/campaigns/chats/lock.json").read_text())["tasks"]
    assert {key.split(".")[1] for key in keys} == {"shipped", "again"}
    append(folder / "lm_eval/tasks/words/easy.yaml", "# and other\n")
    assert "evaluation.again.tasks.easy" in refused(capsys)
