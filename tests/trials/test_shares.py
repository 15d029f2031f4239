"""A campaign whose trials may stop early, as its files tell it: what a continued trial costs, and where the share is named."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_campaign import CARDS, RAW

from admire.campaign.layout import Layout
from admire.campaign.loading import parse
from admire.campaign.recipes import source_digest, suite_digest
from admire.campaign.schema.campaign import Campaign
from admire.errors import ConfigError
from admire.loop.cost_plan import make_plan, render
from admire.loop.decisions import decide
from admire.trials.atomic_files import read_json, write_json
from admire.trials.identity import make_spec
from admire.trials.ledger import Ledger
from admire.trials.records import EvaluationRecord, Score, TrainRecord, publish
from admire.trials.results_table import write_results_table

LOSSES = (1.0, 2.0, 3.0)  # of three mixtures; the first is among the best third


def stopping(results: Path, **fidelity: Any) -> Campaign:
    raw = RAW | {"results": str(results), "fidelity": {"steps": [0.25, 0.5, 1.0]} | fidelity}
    raw["mixture"] = {"rows": 100, "max_epochs": 1}
    raw["training"] = RAW["training"] | {"schedule": "warmup_stable_decay"}
    raw["optimizer"] = {"method": "successive-halving", "initial": 3}
    return parse(raw, "tiny.yaml")


def begun(campaign: Campaign) -> None:
    """Its sources are prepared, and three mixtures were trained to a quarter of their steps and scored."""
    layout = Layout(Path(campaign.results))
    for name, card in CARDS.items():
        write_json(layout.card(name, source_digest(campaign, name)), card)
    entries = []
    for i, loss in enumerate(LOSSES):
        spec = make_spec(campaign, CARDS, campaign.target, np.array([0.2 + 0.1 * i, 0.8 - 0.1 * i]))
        trial = layout.trial("S", spec.digest, 0.25)
        publish(trial.train(), TrainRecord(status="ok", digest=spec.digest, steps=6, seconds=15.0))
        digest = suite_digest(campaign, "loss")
        scores = {name: Score(value=loss) for name in CARDS}
        record = EvaluationRecord(status="ok", suite="loss", split="validation", digest=digest, metrics=scores)
        publish(trial.evaluation("loss", digest), record)
        entries.append({"spec": spec.as_dict(), "share": 0.25, "cost": 0.25})
    write_json(layout.campaign("tiny").proposal(0, 0), {"step": 0, "lane": 0, "trials": entries})


def test_the_best_third_goes_on_for_the_difference(tmp_path: Path) -> None:
    campaign = stopping(tmp_path / "results")
    begun(campaign)
    (entry,) = read_json(decide(campaign, "step_0001/lane_0"))["trials"]
    first = Ledger.read(campaign).trials[0]
    assert (entry["spec"]["digest"], entry["share"]) == (first.spec.digest, 0.5)
    assert entry["cost"] == pytest.approx(0.5 - 0.8 * 0.25)
    ledger = Ledger.read(campaign)
    assert ledger.committed == pytest.approx(3 * 0.25 + 0.3) and ledger.spent == pytest.approx(3 * 0.25)
    assert [trial.name for trial in ledger.trials][-1] == f"{first.spec.digest}@0.5"


def test_what_does_not_shrink_with_the_steps_is_paid_each_time(tmp_path: Path) -> None:
    campaign = stopping(tmp_path / "results", fixed=0.5)
    begun(campaign)
    (entry,) = read_json(decide(campaign, "step_0001/lane_0"))["trials"]
    assert entry["cost"] == pytest.approx(0.5 + 0.5 * (0.5 - 0.8 * 0.25))


def test_table_and_plan_have_a_row_a_share(tmp_path: Path) -> None:
    campaign = stopping(tmp_path / "results")
    begun(campaign)
    decide(campaign, "step_0001/lane_0")
    rows = list(csv.DictReader(write_results_table(Ledger.read(campaign)).open()))
    assert [(row["share"], row["state"]) for row in rows] == [("0.25", "done")] * 3 + [("0.5", "proposed")]
    text = render(make_plan(campaign))
    quarter, half, whole = (
        next(line for line in text.splitlines() if f"  {name} " in line) for name in ("S @ 25 %", "S @ 50 %", "S *")
    )
    assert quarter.split()[4:7] == ["0.25", f"{15 / 3600:.3g}", "3"] and half.split()[4:7] == ["0.5", "-", "1"]
    assert whole.split()[2:5] == ["1", "-", "0"]


def test_a_campaign_of_whole_trainings_says_nothing_of_shares(tmp_path: Path) -> None:
    campaign = parse(RAW | {"results": str(tmp_path / "results")}, "tiny.yaml")
    spec = make_spec(campaign, CARDS, campaign.target, np.array([0.5, 0.5]))
    proposal = Layout(tmp_path / "results").campaign("tiny").proposal(0, 0)
    write_json(
        proposal, {"trials": [{"spec": spec.as_dict(), "cost": 1}]}
    )  # as it was written before there were shares
    ledger = Ledger.read(campaign)
    assert [(trial.name, trial.fidelity, trial.share) for trial in ledger.trials] == [(spec.digest, "S", 1.0)]
    assert "share" not in write_results_table(ledger).read_text().splitlines()[0]
    assert "%" not in render(make_plan(campaign)).partition("further trials")[0]


def test_stops_do_not_enter_a_trials_identity_but_bind_the_campaign(tmp_path: Path) -> None:
    from admire.campaign import frozen_settings

    whole = parse(RAW | {"training": RAW["training"] | {"schedule": "warmup_stable_decay"}}, "tiny.yaml")
    campaign = stopping(tmp_path / "results")
    specs = [make_spec(one, CARDS, one.target, np.array([0.5, 0.5])) for one in (whole, campaign)]
    assert specs[0].digest == specs[1].digest
    with pytest.raises(ConfigError, match=r"fidelity was not there"):
        frozen_settings.check(campaign, {"decides": frozen_settings.deciding(whole)}, "tiny.yaml")
