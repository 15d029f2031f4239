"""Trials that stop early and go on, by the workflow's own doors; only the models are tiny."""

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from campaign_folder import ROOT, TINY, CampaignFolder
from finished_once import finished_once

from admire.campaign.fidelity import fidelities
from admire.campaign.loading import load

STEPS = Path(__file__).with_name("steps.yaml")
HALVING = {"optimizer": {"method": "successive-halving"}, "budget": {"total": 0.42, "batch": 3}}

loop = pytest.mark.loop


def table(bench):
    return list(csv.DictReader((bench.results / "campaigns/steps/results.csv").open()))


def continued(bench):
    """(share, step that it went on from) of every training that went on with a shorter one."""
    records = {path: json.loads(path.read_text()) for path in bench.results.glob("trials/*/*/share_*/train.json")}
    found = [(path.parent.name.removeprefix("share_"), record["continued_from"]) for path, record in records.items()]
    return [one for one in found if one[1]]


def test_the_dry_run_plans_every_share(bench):
    out = bench.snakemake("-n", configs=(TINY, STEPS))
    for name, cost in (("S @ 25 %", 0.025), ("S @ 50 %", 0.05), ("L @ 25 %", 0.05), ("L *", 0.2)):
        assert any(
            line.split()[: len(name.split()) + 1] == [*name.split(), f"{cost:g}"] for line in out.splitlines()
        ), out
    assert "goes on for the difference, its decay apart: L @ 50 % to the end for 0.12" in out


def test_without_stops_the_plan_names_models_only(bench):
    out = bench.snakemake("-n")
    assert "%" not in out.split("further trials")[0] and "goes on" not in out


def test_the_shipped_overlay_is_a_campaign():
    overlay = ROOT / "config/overlays/laptop-steps.yaml"
    names = [one.name for one in fidelities(load(ROOT / "config/laptop.yaml", overlay))]
    assert names[0] == "S @ 25 %" and names[-1] == "L" and len(names) == 9


@pytest.fixture(scope="module")
def halved(tmp_path_factory, subcommands):
    """A campaign of successive halving over sizes and steps, run to its end; killed once in the middle of a continuation."""

    def run(bench):
        configs = (TINY, STEPS, bench.config(**HALVING))
        killed_while_going_on(bench, configs)
        return bench.snakemake(configs=configs)

    return finished_once(tmp_path_factory, "halved", run, subcommands)


def killed_while_going_on(bench, configs):
    """Run until a training goes on with a shorter one, and kill everything in its middle."""
    process = subprocess.Popen(
        bench.command(configs=configs),
        env=CampaignFolder(bench.folder).environment() | {"ADMIRE_CHECKPOINT_MINUTES": "0"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    limit = time.monotonic() + 1800
    try:
        while not any(going_on(path) for path in bench.results.glob("trials/*/*/share_0.5/attempts.jsonl")):
            assert process.poll() is None and time.monotonic() < limit, "nothing went on"
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def going_on(attempts):
    """Whether a training went on with a shorter one, and has a checkpoint of its own."""
    begun = json.loads(attempts.read_text().splitlines()[0])["resumed_step"] > 0
    return begun and any(attempts.parent.glob("ckpt/checkpoint-*/whole.json"))


@loop
def test_trials_go_on_and_pay_the_difference(halved):
    assert continued(halved)
    rows = table(halved)
    whole = {"S": 0.1, "L": 0.2}
    by_trial = {}
    for row in rows:
        by_trial.setdefault(row["digest"], []).append(row)
    for same in by_trial.values():
        before = 0.0
        for row in sorted(same, key=lambda row: float(row["share"])):
            share = float(row["share"])
            assert float(row["cost"]) == pytest.approx(whole[row["model"]] * (share - 0.8 * before))
            before = share
    assert any(len(same) > 1 for same in by_trial.values())
    assert sum(float(row["cost"]) for row in rows) <= 0.42 + 1e-9
    assert {row["state"] for row in rows} == {"done"}
    assert (rows[-1]["decision"][:6], rows[-1]["model"], rows[-1]["share"]) == ("final_", "L", "1.0")


@loop
def test_the_kill_cost_nothing_that_a_checkpoint_had(halved):
    lines = [
        [json.loads(line) for line in path.read_text().splitlines()]
        for path in halved.results.glob("trials/*/*/share_0.5/attempts.jsonl")
    ]
    twice = [one for one in lines if sum(line["event"] == "begin" for line in one) == 2]
    assert len(twice) == 1 and twice[0][1]["resumed_step"] > twice[0][0]["resumed_step"] == 8


@loop
def test_everything_is_trained_once_and_the_second_run_has_nothing_to_do(halved, tmp_path):
    bench = halved.copy(tmp_path / "copy")
    assert "Nothing to be done" in bench.snakemake(configs=(TINY, STEPS, bench.config(**HALVING)))
    ended = [path.read_text().count('"ok"') for path in bench.results.rglob("attempts.jsonl")]
    assert set(ended) == {1}


@loop
def test_status_report_and_export_name_the_shares(halved, tmp_path):
    status = halved.admire("status", "steps")
    assert "S @ 25 %" in status and "L @ 50 %" in status
    assert "S @ 25 %" in (halved.results / "campaigns/steps/report.html").read_text()
    runs = tmp_path / "runs.csv"
    halved.admire("export", "steps", "--out", runs)
    rows = list(csv.DictReader(runs.open()))
    assert {row["steps"] for row in rows} >= {"10", "20", "40"}
    assert {(row["size"], row["steps"], f"{float(row['cost']):g}") for row in rows} >= {
        ("S", "10", "0.025"),
        ("S", "20", "0.05"),
    }


@loop
def test_admire_runs_to_its_end_over_sizes_and_steps(bench):
    configs = (TINY, STEPS, bench.config(budget={"total": 0.4}))
    bench.snakemake(configs=configs)
    rows = table(bench)
    assert {row["state"] for row in rows} == {"done"} and {float(row["share"]) for row in rows} >= {0.25, 1.0}
    assert sum(float(row["cost"]) for row in rows) <= 0.4 + 1e-9
    recommendation = yaml.safe_load((bench.results / "campaigns/steps/recommendation.yaml").read_text())
    assert sum(recommendation["weights"].values()) == pytest.approx(1)
