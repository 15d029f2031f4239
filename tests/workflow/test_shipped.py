"""Every shipped campaign: it validates, its dry run plans it, and a miniature of it runs to its end on data in the hub's layout."""

import csv
import json

import pytest
import yaml
from campaign_folder import ROOT, CampaignFolder
from finished_once import finished_once
from miniatures import shipped, small_pile, small_tulu, write_pile, write_qwen, write_tasks, write_tokenizer, write_tulu

CAMPAIGNS = sorted(path.stem for path in (ROOT / "config").glob("*.yaml"))


def config(name):
    return ROOT / f"config/{name}.yaml"


@pytest.fixture
def here(tmp_path, subcommands):
    """A folder in which the relative paths of shipped configurations lead somewhere."""
    (tmp_path / "config").symlink_to(ROOT / "config")
    return CampaignFolder(tmp_path, subcommands)


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_dry_run_of_a_fresh_clone_plans_it(here, name):
    out = here.snakemake("-n", configs=(config(name),))
    assert f"Cost plan of campaign '{name}'" in out and "prepare_source" in out


def test_the_design_costs_what_the_paper_says(here):
    out = here.admire("plan", "config/admire-ift-runs.yaml")
    assert "256 x 12.7133 (0.5B) + 128 x 34.516 (3B) + 76 x 71.6627 (7B) = 13,119.02 GPU-hours" in out
    assert "further trials 460, decided at once" in out


def test_the_design_trains_what_the_search_trains():
    search, design = shipped("tulu"), shipped("admire-ift-runs")
    for key in ("sources", "tokenizer", "held_out", "mixture", "models", "training", "evaluation", "objective"):
        assert search[key] == design[key], key


def test_what_is_not_on_this_machine_is_said_in_one_line_before_anything_is_spent(here):
    out = here.snakemake(configs=(config("pile"),), expect=1)
    assert (
        "not on this machine yet: tokenizers EleutherAI/gpt-neox-20b; datasets monology/pile-uncopyrighted; run" in out
    )
    assert "Traceback" not in out and not list(here.results.glob("trials/*"))


def test_fetching_may_begin_while_things_are_missing(here):
    out = here.snakemake("prefetch", configs=(config("pile"),), expect=1)
    assert "HF_HUB_OFFLINE is set, which forbids every download" in out and "not on this machine yet" not in out


loop = pytest.mark.loop


@pytest.fixture(scope="module")
def tulu(tmp_path_factory, subcommands):
    def run(bench):
        hub = bench.folder / "hub"
        write_tulu(hub / "tulu-3-sft-mixture")
        write_tasks(hub / "tasks")
        for name, hidden_size in (("0.5B", 8), ("3B", 12), ("7B", 16)):
            write_qwen(hub / f"Qwen2.5-{name}", hidden_size)
        over = small_tulu(hub)
        over |= {"optimizer": {"initial": 2}, "budget": {"total": 170, "lanes": 1}}
        return bench.snakemake(configs=(config("tulu"), bench.config(**over)))

    return finished_once(tmp_path_factory, "tulu", run, subcommands)


def results(bench, name):
    return list(csv.DictReader((bench.results / f"campaigns/{name}/results.csv").open()))


@loop
def test_tulu_in_miniature_ends_with_a_trained_target(tulu):
    rows = results(tulu, "tulu")
    assert {row["state"] for row in rows} == {"done"}
    assert [row["model"] for row in rows] == ["0.5B", "0.5B", "7B", "7B"]
    for row in rows:
        counts = [int(row[f"rows:{name}"]) for name in shipped("tulu")["sources"]]
        assert sum(counts) == 64 and max(counts) <= 30
        assert all(row[f"metric:id/{task}"] for task in shipped("tulu")["evaluation"]["id"]["tasks"])
    recommendation = yaml.safe_load((tulu.results / "campaigns/tulu/recommendation.yaml").read_text())
    assert len(recommendation["weights"]) == 19


@loop
def test_a_source_of_few_conversations_gives_all_of_them(tulu):
    for card in tulu.results.glob("sources/*/*/card.json"):
        splits = json.loads(card.read_text())["splits"]
        assert [splits[split]["rows"] for split in ("train", "validation", "test")] == [30, 0, 0]


@loop
def test_the_design_in_miniature_is_nested_and_exports_what_replay_reads(tulu, tmp_path):
    over = small_tulu(tulu.folder / "hub")
    over |= {"optimizer": {"design": {"trials": {"0.5B": 2, "3B": 1, "7B": 1}}}}
    tulu = tulu.copy(tmp_path / "copy")
    path = tulu.config(name="design.yaml", **over)
    tulu.snakemake(configs=(config("admire-ift-runs"), path))
    rows = results(tulu, "admire-ift-runs")
    assert {row["state"] for row in rows} == {"done"} and {row["decision"] for row in rows} == {"step_0000/lane_0"}
    by_size = {}
    for row in rows:
        by_size.setdefault(row["model"], []).append([row[f"rows:{name}"] for name in shipped("tulu")["sources"]])
    assert {size: len(mixtures) for size, mixtures in by_size.items()} == {"0.5B": 2, "3B": 1, "7B": 1}
    assert by_size["7B"] == by_size["3B"] == by_size["0.5B"][:1]
    assert not json.loads(next(tulu.results.glob("campaigns/admire-ift-runs/final_*/proposal.json")).read_text())[
        "trials"
    ]
    said = tulu.admire("export", "admire-ift-runs", "--format", "table", "--out", "runs.csv")
    assert "4 trials" in said
    head = (tulu.folder / "runs.csv").read_text().splitlines()[0].split(",")
    assert (
        head[:3] == ["run", "size", "cost"]
        and "metric:id/popqa" in head
        and len([c for c in head if "weight:" in c]) == 19
    )


@loop
def test_pile_in_miniature_ends_with_a_trained_target(bench):
    hub = bench.folder / "hub"
    write_pile(hub / "pile-uncopyrighted")
    write_tokenizer(hub / "gpt-neox-20b")
    bench.snakemake(configs=(config("pile"), bench.config(**small_pile(hub))))
    rows = results(bench, "pile")
    assert {row["state"] for row in rows} == {"done"}
    assert [row["model"] for row in rows] == ["1M", "1M", "1B", "1B"]
    for row in rows:
        assert all(float(row[f"metric:loss/{name}"]) > 0 for name in shipped("pile")["sources"])
