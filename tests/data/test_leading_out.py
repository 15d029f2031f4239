"""A dataset's folder gives what lies in it: a README and links that lead elsewhere are refused in one sentence."""

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml
from small_campaign import write_jsonl

from admire.campaign.schema.sources import Source
from admire.cli.main import main
from admire.data.documents import documents, inspect
from admire.errors import SourceError

ROOT = Path(__file__).parents[2]


def read(**entry):
    return [found.document for found in documents("mine", Source(**entry), "pretrain")]


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    """A dataset's folder, and files beside it that are nobody's business."""
    monkeypatch.setenv("HOME", str(tmp_path))
    write_jsonl(tmp_path / "secret.jsonl", [{"text": "private"}])
    write_jsonl(tmp_path / "elsewhere" / "train.jsonl", [{"text": "private"}])
    write_jsonl(tmp_path / "data" / "train.jsonl", [{"text": "own"}])
    return tmp_path / "data"


def name_files(folder, config, where="README.md"):
    """Have a dataset's header name files."""
    header = yaml.safe_dump({"configs": [{"config_name": "default", **config}]})
    (folder / where).write_text(f"---\n{header}---\nA dataset.\n" if where.endswith(".md") else header)


def refused(dataset, words):
    """Both doors refuse it in the same sentence, which names the key."""
    for door in (read, lambda **entry: inspect("mine", Source(**entry), "pretrain")):
        with pytest.raises(SourceError, match=words) as caught:
            door(dataset=str(dataset))
        said = str(caught.value)
        assert "\n" not in said and "sources.mine.files" in said and "private" not in said


OUTSIDE = [
    "../secret.jsonl",
    "../*.jsonl",
    "x/../../secret.jsonl",
    "../elsewhere/**",
    "~/secret.jsonl",
    "{absolute}/secret.jsonl",
    "{absolute}/*.jsonl",
    "file://{absolute}/secret.jsonl",
    "hf://datasets/somebody/something/train.jsonl",
    "https://localhost:1/train.jsonl",
    "zip://*.jsonl::../secret.zip",
]


@pytest.mark.parametrize("outside", OUTSIDE)
@pytest.mark.parametrize("where", ["README.md", ".huggingface.yaml"])
def test_a_readme_names_files_of_its_folder_alone(dataset, outside, where):
    outside = outside.format(absolute=dataset.parent)
    for files in (
        outside,
        ["train.jsonl", outside],
        [{"split": "train", "path": outside}],
        [{"split": "train", "path": "train.jsonl"}, {"split": "test", "path": ["train.jsonl", outside]}],
    ):
        name_files(dataset, {"data_files": files}, where)
        refused(dataset, rf"{where}: its data_files name ")


@pytest.mark.parametrize("folder", ["..", "../elsewhere", "{absolute}/elsewhere"])
def test_nor_a_folder_elsewhere(dataset, folder):
    name_files(dataset, {"data_dir": folder.format(absolute=dataset.parent)})
    refused(dataset, r"README\.md: its data_dir name ")


def test_what_a_readme_names_within_its_folder_is_read(dataset):
    write_jsonl(dataset / "parts" / "a..b.jsonl", [{"text": "part"}])
    name_files(dataset, {"data_files": [{"split": "train", "path": "parts/*.jsonl"}]})
    assert read(dataset=str(dataset)) == ["part"]
    name_files(dataset, {"data_dir": "parts"})
    assert read(dataset=str(dataset)) == ["part"]


def test_a_readme_further_down_names_nothing(dataset):
    (dataset / "notes").mkdir()
    name_files(dataset / "notes", {"data_files": "../../secret.jsonl"})
    assert read(dataset=str(dataset)) == ["own"]


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("place", ["train-2.jsonl", "train/1.jsonl", "data/train.jsonl"])
def test_links_that_lead_out_are_refused(dataset, place, absolute):
    link = dataset / place
    link.parent.mkdir(exist_ok=True)
    if place != "train-2.jsonl":
        (dataset / "train.jsonl").unlink()
    target = dataset.parent / "secret.jsonl"
    link.symlink_to(target if absolute else os.path.relpath(target, link.parent))
    refused(dataset, rf"{place}: this leads out of the dataset's folder, to {target}; put a copy")


def test_links_by_way_of_links_and_of_folders_are_refused_too(dataset):
    (dataset / "linked").symlink_to("../elsewhere")
    assert read(dataset=str(dataset)) == ["own"]  # links to folders are not gone into
    name_files(dataset, {"data_files": "linked/*.jsonl"})
    refused(dataset, r"linked/train\.jsonl: this leads out")
    (dataset / "README.md").unlink()
    (dataset / "train-2.jsonl").symlink_to("linked/train.jsonl")
    refused(dataset, r"train-2\.jsonl: this leads out")


def test_a_readme_that_is_a_link_is_refused(dataset):
    name_files(dataset.parent, {"data_files": "train.jsonl"})
    (dataset / "README.md").symlink_to("../README.md")
    refused(dataset, r"README\.md: this leads out")


def test_links_that_stay_inside_are_read(dataset):
    (dataset / "stored").mkdir()
    shutil.move(dataset / "train.jsonl", dataset / "stored" / "0123")
    (dataset / "train.jsonl").symlink_to("stored/0123")
    assert read(dataset=str(dataset)) == ["own"]
    named = dataset.parent / "named"
    named.symlink_to(dataset)  # the folder is the user's own choice
    assert read(dataset=str(named)) == ["own"]


@pytest.fixture
def snapshot(dataset):
    """A dataset as the hub's cache holds it: a snapshot of links to blobs."""
    cache = dataset.parent / "hub" / "datasets--a--b"
    snapshot = cache / "snapshots" / "0123"
    (snapshot / "data").mkdir(parents=True)
    (cache / "blobs").mkdir()
    shutil.move(dataset / "train.jsonl", cache / "blobs" / "4567")
    (cache / "blobs" / "89ab").write_text("---\nlicense: mit\n---\n")
    (snapshot / "data" / "train.jsonl").symlink_to("../../../blobs/4567")
    (snapshot / "README.md").symlink_to("../../blobs/89ab")
    return snapshot


def test_a_snapshot_of_the_hubs_cache_is_read(dataset, snapshot):
    assert read(dataset=str(snapshot)) == read(dataset=str(snapshot / "data")) == ["own"]
    dataset.rmdir()
    dataset.symlink_to(snapshot)
    assert read(dataset=str(dataset)) == ["own"]


def test_a_folder_made_like_that_cache_opens_no_other(dataset, snapshot):
    (snapshot / "data" / "train-2.jsonl").symlink_to("../../../blobs/cdef")
    (snapshot.parents[1] / "blobs" / "cdef").symlink_to(dataset.parent / "secret.jsonl")
    refused(snapshot, r"train-2\.jsonl: this leads out")
    shutil.rmtree(snapshot.parents[1] / "blobs")
    (snapshot.parents[1] / "blobs").symlink_to(dataset.parent / "elsewhere")
    (snapshot / "README.md").unlink()
    for link in (snapshot / "data").iterdir():
        link.unlink()
    (snapshot / "data" / "train.jsonl").symlink_to("../../../blobs/train.jsonl")
    refused(snapshot, r"train\.jsonl: this leads out")


def test_files_may_be_links_to_anywhere(dataset):
    (dataset / "train-2.jsonl").symlink_to("../secret.jsonl")
    assert read(files=str(dataset / "*.jsonl")) == ["private", "own"]
    (dataset / "linked").symlink_to("../elsewhere")
    assert read(files=str(dataset / "linked" / "*.jsonl")) == ["private"]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (
            "a0: &a0 {x: 1}\n"
            + "\n".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 12)),
            "its aliases stand for more than 100,000 values",
        ),
        ("a: &a [*a]", "an alias stands within what it stands for"),
        ("a: " + "[" * 5000, "more than 64 levels"),
        ("a: !!python/object/apply:os.system ['touch ran']", "the tag .* is not read"),
        ("a: 'b", "its YAML cannot be read"),
    ],
)
def test_a_header_that_hurts_is_refused(dataset, header, words, monkeypatch):
    monkeypatch.chdir(dataset)
    (dataset / "README.md").write_text(f"---\n{header}\n---\n")
    with pytest.raises(SourceError, match=rf"README\.md: its YAML cannot be read .*{words}|{words}"):
        read(dataset=str(dataset))
    assert not Path("ran").exists()


def test_a_loading_script_is_not_run(dataset, monkeypatch):
    monkeypatch.chdir(dataset)
    (dataset / "data.py").write_text("open('ran', 'w')\nraise SystemExit\n")
    with pytest.raises(SourceError, match=r"Dataset scripts are no longer supported"):
        read(dataset=str(dataset))
    (dataset / "data.py").rename("other.py")
    assert read(dataset=str(dataset)) == ["own"] and not Path("ran").exists()


def test_a_plan_refuses_in_one_sentence(dataset, monkeypatch, capsys):
    monkeypatch.chdir(dataset.parent)
    raw = yaml.safe_load((ROOT / "tests/workflow/tiny.yaml").read_text())
    raw["sources"]["strings"] = {"dataset": str(dataset)}
    Path("c.yaml").write_text(json.dumps(raw))
    name_files(dataset, {"data_files": "../secret.jsonl"})
    assert main(["plan", "c.yaml"]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "sources.strings.files" in said
    assert said.startswith("admire plan: c.yaml: ") and "README.md: its data_files name '../secret.jsonl'" in said
