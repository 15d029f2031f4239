"""A suite's digest holds all local files that decide its scores, in its folder and elsewhere, and nothing else."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from admire.campaign.loading import load, parse
from admire.campaign.recipes import suite_digest

EARLIER = Path(__file__).parents[1] / "workflow/earlier/results.tar.xz"
TASK = {
    "task": "words",
    "test_split": "test",
    "output_type": "multiple_choice",
    "doc_to_text": "{{question}}",
    "doc_to_choice": "choices",
    "doc_to_target": "answer",
    "metric_list": [{"metric": "acc"}],
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A campaign with a suite of one task; data, a parent's task file and its code lie beside the suite's folder."""
    monkeypatch.chdir(tmp_path)
    shutil.unpack_archive(EARLIER, tmp_path)
    shutil.rmtree(tmp_path / "tasks")
    for name in ("data/a.jsonl", "data/b.jsonl", "other/c.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"question": name}) + "\n")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/parent.yaml").write_text("process_results: !function scores.f1\n")
    (tmp_path / "shared/scores.py").write_text("def f1(document, results):\n    return {'acc': 0}\n")
    (tmp_path / "tasks").mkdir()
    return tmp_path


def suite(**task):
    """The digest of the suite whose task says this too."""
    Path("tasks/words.yaml").write_text(yaml.safe_dump(TASK | task))
    return lambda: suite_digest(load("chats.yaml"), "skills")


OUTSIDE = {
    "a file of data": ({"dataset_path": "json", "dataset_kwargs": {"data_files": "data/a.jsonl"}}, "data/a.jsonl"),
    "data of a split": (
        {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": ["data/a.jsonl", "other/c.jsonl"]}}},
        "other/c.jsonl",
    ),
    "data that match": ({"dataset_path": "json", "dataset_kwargs": {"data_files": "data/*.jsonl"}}, "data/b.jsonl"),
    "a folder of data": ({"dataset_path": "json", "dataset_kwargs": {"data_dir": "data"}}, "data/b.jsonl"),
    "files in a folder": (
        {"dataset_path": "json", "dataset_kwargs": {"data_dir": "data", "data_files": "b.jsonl"}},
        "data/b.jsonl",
    ),
    "a dataset's folder": ({"dataset_path": "data"}, "data/a.jsonl"),
    "an included file": ({"dataset_path": "data", "include": "../shared/parent.yaml"}, "shared/parent.yaml"),
    "the code beside it": ({"dataset_path": "data", "include": "../shared/parent.yaml"}, "shared/scores.py"),
}


@pytest.mark.parametrize("read", OUTSIDE)
def test_what_a_task_reads_outside_its_folder_decides(folder, read):
    task, name = OUTSIDE[read]
    digest = suite(**task)
    before, path = digest(), folder / name
    path.touch()
    assert digest() == before
    path.write_text(path.read_text() + "# more\n")
    assert digest() != before


def test_a_new_file_in_a_folder_of_data_decides(folder):
    digest = suite(dataset_path="json", dataset_kwargs={"data_dir": "data"})
    before = digest()
    (folder / "data/c.jsonl").write_text("{}")
    assert digest() != before


def test_what_no_task_of_the_suite_reads_does_not_matter(folder):
    digest = suite(dataset_path="json", dataset_kwargs={"data_files": "data/a.jsonl"})
    before = digest()
    (folder / "data/b.jsonl").write_text("changed")
    (folder / "other/c.jsonl").write_text("changed")
    (folder / "shared/parent.yaml").write_text("changed: yes")
    assert digest() == before


def test_addresses_and_names_on_the_hub_are_no_files(folder):
    digest = suite(dataset_path="json", dataset_kwargs={"data_files": {"test": "https://nowhere/a.jsonl"}})
    assert digest() != suite(dataset_path="me/words")()


def test_a_task_whose_items_are_made_by_code_reads_nothing_elsewhere(folder):
    digest = suite()
    before = digest()
    (folder / "data/a.jsonl").write_text("changed")
    assert digest() == before


def test_it_does_not_matter_where_the_project_lies(folder, tmp_path_factory, monkeypatch):
    before = suite(dataset_path="json", dataset_kwargs={"data_files": "data/a.jsonl"})()
    moved = shutil.copytree(folder, tmp_path_factory.mktemp("moved") / "project")
    monkeypatch.chdir(moved)
    assert suite_digest(load("chats.yaml"), "skills") == before


def test_evaluations_of_an_earlier_version_keep_their_names(tmp_path, monkeypatch):
    """The task's data lie in its folder: nothing is read elsewhere."""
    monkeypatch.chdir(tmp_path)
    shutil.unpack_archive(EARLIER, tmp_path)
    found = {path.stem for path in tmp_path.glob("results/trials/M/*/share_1/evaluate/*.json")}
    campaign = parse(yaml.safe_load(Path("chats.yaml").read_text()), "chats.yaml")
    assert found == {f"{name}-{suite_digest(campaign, name)}" for name in campaign.evaluation}
