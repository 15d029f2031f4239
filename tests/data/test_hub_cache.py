"""A dataset's revision offline: the commit that is read is the one that was asked for, or none is read."""

import json
import os
from pathlib import Path

import datasets
import pytest
from datasets.arrow_writer import ArrowWriter
from small_campaign import campaign, write_jsonl

from admire.campaign.schema.sources import Source
from admire.data import hub_cache
from admire.data.documents import documents
from admire.data.prepared_source import prepare_source
from admire.errors import ConfigError, SourceError
from admire.preflight import hub
from admire.preflight.sources import check_commits
from admire.trials.atomic_files import read_json

OLD, NEW = "a1b2c3d" + "0" * 33, "f9e8d7c" + "1" * 33


class Cache:
    """The two caches, of datasets and of the hub, as their libraries fill them."""

    def __init__(self, root):
        self.root, self.age = root, 0

    def holds(self, word, commit, dataset="me___things", config="default"):
        """What `datasets` leaves of a commit; each call is newer than the one before."""
        folder = self.root / "datasets" / dataset / config / "0.0.0" / commit
        folder.mkdir(parents=True)
        name = dataset.rpartition("___")[2]
        rows = datasets.Dataset.from_dict({"text": [f"{word} {number} river stone lamp" for number in range(40)]})
        writer = ArrowWriter(path=str(folder / f"{name}-train.arrow"), features=rows.features)
        for row in rows:
            writer.write(row)
        examples, size = writer.finalize()
        info = {
            "builder_name": "parquet",
            "dataset_name": name,
            "config_name": config,
            "version": {"version_str": "0.0.0", "major": 0, "minor": 0, "patch": 0},
            "features": {"text": {"dtype": "string", "_type": "Value"}},
            "splits": {
                "train": {"name": "train", "num_bytes": size, "num_examples": examples, "dataset_name": name},
            },
        }
        (folder / "dataset_info.json").write_text(json.dumps(info))
        self.age += 1
        os.utime(folder, (self.age, self.age))

    def points(self, ref, commit, dataset="me--things"):
        """What the hub said of a branch or tag when it was last asked."""
        path = self.root / "hub" / f"datasets--{dataset}" / "refs" / ref
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(commit)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    return Cache(tmp_path)


@pytest.fixture
def two(cache):
    cache.holds("OLD", OLD)
    cache.holds("NEW", NEW)
    return cache


def first(**asked):
    source = Source(dataset="me/things", **asked)
    return next(documents("things", source, "pretrain")).document.split()[0]


@pytest.mark.parametrize(("revision", "word"), [(OLD, "OLD"), (NEW, "NEW"), (OLD[:7], "OLD"), (None, "NEW")])
def test_the_commit_that_was_asked_for_is_read(two, revision, word):
    assert first(revision=revision) == word


@pytest.mark.parametrize("revision", ["c" * 40, "v3", OLD[:5], OLD[:39] + "9"])
def test_another_commit_is_refused_with_those_that_are_here(two, revision):
    with pytest.raises(SourceError, match=r"sources\.things\.revision") as refused:
        first(revision=revision)
    assert {revision, OLD, NEW} <= set(str(refused.value).replace(",", " ").replace(";", " ").split())


@pytest.mark.parametrize("revision", ["../../../secret", "{root}/secret", "x/../../../../secret", "v" * 5000])
def test_a_revision_is_no_path(two, revision):
    two.points("v1", OLD)
    (two.root / "secret").write_text(OLD)
    with pytest.raises(SourceError, match=r"sources\.things\.revision"):
        first(revision=revision.format(root=two.root))


@pytest.mark.parametrize("name", ["$(touch ran)", "{0}", "a/..", "a b/c", "n" * 200, "owner/na--me"])
def test_what_the_hub_cannot_have_is_a_folder_that_is_not_there(cache, name):
    with pytest.raises(SourceError, match="no such folder"):
        next(documents("x", Source(dataset=name), "pretrain"))


def test_a_tag_is_the_commit_that_it_was_when_it_was_fetched(two):
    two.points("v1", OLD)
    assert first(revision="v1") == "OLD"
    two.points("v2", "c" * 40)  # known, and not prepared
    with pytest.raises(SourceError, match="at v2, but at"):
        first(revision="v2")


def test_main_is_what_it_was_and_not_what_is_newest(two):
    """Somebody else's pinned revision was fetched later."""
    two.points("main", OLD)
    assert first() == "OLD"


def test_configurations_and_names(cache):
    cache.holds("ONE", OLD, dataset="me___odd_name", config="one")
    cache.holds("TWO", OLD, dataset="me___odd_name", config="two")
    read = lambda **asked: next(documents("x", Source(dataset="me/OddName", **asked), "pretrain")).document  # noqa: E731
    assert read(subset="two", revision=OLD).startswith("TWO")
    with pytest.raises(SourceError, match=r"sources\.x\.subset to one of one, two"):
        read()
    with pytest.raises(SourceError, match="not on this machine"):
        read(subset="three")
    with pytest.raises(SourceError, match="cannot be loaded"):
        read(subset="two", split="validation")


def test_what_is_half_prepared_is_not_there(two):
    folder = two.root / "datasets/me___things/default/0.0.0"
    (folder / NEW).rename(folder / f"{NEW}.incomplete")
    assert first() == "OLD"
    assert hub_cache.commits("me/things", None) == [OLD]


def things(folder, tokenizer="/somewhere", **asked):
    other = write_jsonl(folder / "other.jsonl", [{"text": f"{number} winter bread"} for number in range(60)])
    sources = {"things": {"dataset": "me/things", **asked}, "other": {"files": other}}
    return campaign(folder / "results", sources, tokenizer={"path": tokenizer})


def test_preflight_refuses_a_revision_that_is_not_here_with_both_commits(two, tmp_path):
    assert hub.still_to_fetch(things(tmp_path, revision=OLD), "c.yaml") is None
    said = hub.still_to_fetch(things(tmp_path, revision="c" * 40), "c.yaml")
    assert "c" * 40 in said and OLD in said and NEW in said and "prefetch --configfile c.yaml" in said


def test_the_commit_is_in_the_card_and_compared(cache, tmp_path, tokenizer_path):
    cache.holds("OLD", OLD)
    asked = things(tmp_path, tokenizer_path)
    card = prepare_source(asked, "things")
    assert read_json(Path(card))["commit"] == OLD
    assert "commit" not in read_json(Path(prepare_source(asked, "other")))
    check_commits(asked, "c.yaml")
    cache.holds("NEW", NEW)
    with pytest.raises(ConfigError, match=f"c.yaml: sources.things.dataset: .*{OLD}.*{NEW}"):
        check_commits(asked, "c.yaml")
    pinned = things(tmp_path, tokenizer_path, revision=OLD)
    prepare_source(pinned, "things")
    check_commits(pinned, "c.yaml")


def test_a_local_folder_keeps_its_label(tmp_path):
    folder = tmp_path / "local"
    write_jsonl(folder / "train.jsonl", [{"text": "here"}])
    source = Source(dataset=str(folder), revision="second edition")
    assert next(documents("things", source, "pretrain")).document == "here"
