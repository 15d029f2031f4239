"""Campaigns of an earlier version go on: nothing finished is trained, prepared or scored again (earlier/README.md)."""

import csv
import json
import os
import shutil
from pathlib import Path

import pytest
from campaign_folder import CampaignFolder

pytestmark = pytest.mark.loop

EARLIER = Path(__file__).with_name("earlier") / "results.tar.xz"
NAMES = ("texts", "chats")


@pytest.fixture
def earlier(tmp_path, subcommands):
    """A copy of what was left behind, with the times that files had."""
    shutil.unpack_archive(EARLIER, tmp_path)
    return CampaignFolder(tmp_path, subcommands)


def table(bench, name):
    return list(csv.DictReader((bench.results / f"campaigns/{name}/results.csv").open()))


def finished(bench):
    """Everything that says what was prepared, tried and scored, with its content."""
    patterns = ("sources/*/*/card.json", "trials/*/*/spec.json", "trials/*/*/share_1/train.json")
    found = [path for pattern in patterns for path in bench.results.glob(pattern)]
    found += bench.results.glob("trials/*/*/share_1/evaluate/*.json")
    return {path.relative_to(bench.folder): path.read_text() for path in found}


@pytest.mark.parametrize("name", NAMES)
def test_the_same_command_has_nothing_to_do(earlier, name):
    before = finished(earlier)
    out = earlier.snakemake(configs=(earlier.folder / f"{name}.yaml",))
    assert "Nothing to be done" in out
    assert finished(earlier) == before


@pytest.mark.parametrize("name", NAMES)
def test_a_raised_budget_trains_only_new_trials(earlier, name):
    before, rows = finished(earlier), table(earlier, name)
    over = earlier.config(budget={"total": 1.01})
    earlier.snakemake(configs=(earlier.folder / f"{name}.yaml", over))
    after = finished(earlier)
    assert {path: after[path] for path in before} == before
    assert len(list(earlier.results.glob("sources/*/*/card.json"))) == 4
    assert set(earlier.trainings().values()) == {1}
    now = table(earlier, name)
    assert {row["digest"] for row in rows} < {row["digest"] for row in now}
    assert {row["state"] for row in now} == {"done"}


@pytest.mark.parametrize("name", NAMES)
def test_what_looks_at_a_campaign_reads_it(earlier, name):
    assert "ended after step" in earlier.admire("status", name)
    assert "rivers" in earlier.admire("recommend", name)
    page = earlier.results / f"campaigns/{name}/report.html"
    page.unlink()
    earlier.admire("report", name)
    assert page.is_file()
    earlier.admire("export", name, "--out", "runs.csv")
    with (earlier.folder / "runs.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == len(table(earlier, name))
    assert "nothing stands in the way" in earlier.admire("preflight", f"{name}.yaml")


@pytest.mark.parametrize("name", NAMES)
def test_sources_that_are_prepared_again_hold_the_same_rows(earlier, name):
    cards = {path: json.loads(path.read_text()) for path in earlier.results.glob("sources/*/*/card.json")}
    kind = {"texts": "pretrain", "chats": "sft"}[name]
    mine = {path: card for path, card in cards.items() if card["recipe"]["kind"] == kind}
    assert len(mine) == 2
    for path, card in mine.items():
        shutil.rmtree(path.parent)
        earlier.admire("prepare-source", card["source"], "--campaign", name)
        made = json.loads(path.read_text())
        for key in ("documents", "tokenizer_sha256", "recipe"):
            assert made[key] == card[key], key
        for split, told in card["splits"].items():
            assert {key: made["splits"][split][key] for key in told} == told


def test_touched_files_change_nothing(earlier):
    for path in (*earlier.folder.glob("*.jsonl"), *earlier.folder.glob("model/*"), *earlier.folder.glob("tasks/*")):
        os.utime(path)
    for name in NAMES:
        assert "Nothing to be done" in earlier.snakemake(configs=(earlier.folder / f"{name}.yaml",))


def test_conversations_of_an_earlier_version_are_said_and_not_taken_by_a_new_campaign(earlier):
    assert earlier.admire("status", "chats").count("which did not check which tokens count in the loss") == 2
    (earlier.folder / "new.yaml").write_text(
        (earlier.folder / "chats.yaml").read_text().replace("name: chats", "name: new")
    )
    with pytest.raises(AssertionError, match=r"an earlier version prepared 2 sources .*rm -r"):
        earlier.admire("plan", "new.yaml")
    for card in earlier.results.glob("sources/*/*/card.json"):
        if json.loads(card.read_text())["recipe"]["kind"] == "sft":
            shutil.rmtree(card.parent)
    earlier.admire("plan", "new.yaml")
