"""Pruning removes what no campaign wants, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from tiny_campaign import CARDS, RAW

from admire.campaign.layout import Layout, TrialLayout
from admire.campaign.loading import parse
from admire.campaign.recipes import suite_digest
from admire.cli.main import main
from admire.errors import ConfigError
from admire.trials.atomic_files import read_json, write_json, write_text
from admire.trials.identity import Spec, make_spec
from admire.trials.lease import Lease
from admire.trials.records import EvaluationRecord, Score, TrainRecord, publish

CAMPAIGN = parse(RAW, "tiny.yaml")


@pytest.fixture
def results(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "results")
    write_text(layout.campaign("tiny").config, yaml.safe_dump(RAW))
    return layout


def trained(results: Layout, decision: Path | None, share: float, evaluated: bool = True) -> TrialLayout:
    """A trained trial of a decision, with weights and leftover checkpoints."""
    spec: Spec = make_spec(CAMPAIGN, CARDS, CAMPAIGN.target, np.array([share, 1 - share]))
    trial = results.trial("S", spec.digest)
    write_json(trial.spec, spec.as_dict())
    write_text(trial.model() / "model.safetensors", "w" * 1000)
    write_text(trial.checkpoints / "checkpoint-1" / "optimizer.pt", "o" * 1000)
    publish(trial.train(), TrainRecord(status="ok", digest=spec.digest))
    if evaluated:
        digest = suite_digest(CAMPAIGN, "loss")
        scores = {"docs": Score(value=1.0), "code": Score(value=1.0)}
        record = EvaluationRecord(status="ok", suite="loss", split="validation", digest=digest, metrics=scores)
        publish(trial.evaluation("loss", digest), record)
    if decision is not None:
        write_json(decision, {"trials": [{"spec": spec.as_dict(), "cost": 1}]})
    return trial


def prune(results: Layout, *options: str) -> None:
    assert main(["prune", "--results", str(results.root), *options]) == 0


def test_what_is_kept_and_what_goes(results: Layout) -> None:
    campaign = results.campaign("tiny")
    scored = trained(results, campaign.proposal(1, 0), 0.1)
    unfinished = trained(results, campaign.proposal(2, 0), 0.2, evaluated=False)
    final = trained(results, campaign.special("final_0002"), 0.3)
    base = trained(results, campaign.special("base"), 0.4)
    benchmark = trained(results, campaign.special("benchmark"), 0.5)
    nobodys = trained(results, None, 0.6)
    prune(results)
    for trial in (unfinished, final, base, benchmark):
        assert trial.model().is_dir()
    for trial in (scored, nobodys):
        assert not trial.model().exists() and trial.train().is_file() and trial.spec.is_file()
    for trial in (scored, final, nobodys):
        assert not trial.checkpoints.exists(), "nobody resumes a finished trial"


def stopped_early(results: Layout, decision: Path, share: float) -> TrialLayout:
    """A trial of a decision that was trained to a quarter of its steps and scored."""
    whole = trained(results, None, share)
    early = whole.at(0.25)
    os.rename(whole.outcome, early.outcome)
    write_text(early.stable_checkpoints / "checkpoint-1" / "optimizer.pt", "o" * 1000)
    write_json(decision, {"trials": [{"spec": read_json(early.spec), "share": 0.25, "cost": 0.25}]})
    return early


def test_a_trial_that_may_go_on_keeps_checkpoints_of_its_stable_phase(results: Layout) -> None:
    stopping = RAW | {"fidelity": {"steps": [0.25, 1.0]}}
    stopping["training"] = RAW["training"] | {"schedule": "warmup_stable_decay"}
    campaign = results.campaign("tiny")
    write_text(campaign.config, yaml.safe_dump(stopping))
    early = stopped_early(results, campaign.proposal(1, 0), 0.1)
    prune(results)
    assert early.stable_checkpoints.is_dir() and not early.model().exists(), "it is scored"
    publish(early.at(1).train(), TrainRecord(status="ok", digest=early.folder.name))
    prune(results)
    assert not early.stable_checkpoints.exists(), "it was trained to the end"


def test_without_a_campaign_that_goes_on_they_go(results: Layout) -> None:
    campaign = results.campaign("unknown")
    early = stopped_early(results, campaign.proposal(1, 0), 0.1)
    prune(results)
    assert early.model().is_dir() and not early.stable_checkpoints.exists()


def test_wanted_by_one_of_two_campaigns_is_wanted(results: Layout) -> None:
    trial = trained(results, results.campaign("tiny").proposal(1, 0), 0.1)
    more = RAW | {"name": "more", "evaluation": RAW["evaluation"] | {"later": {"kind": "domain-loss", "batch_size": 8}}}
    other = results.campaign("more")
    write_text(other.config, yaml.safe_dump(more))
    trained(results, other.proposal(1, 0), 0.1)
    prune(results)
    assert trial.model().is_dir()


def test_a_campaign_that_is_not_understood_keeps_everything(results: Layout) -> None:
    trial = trained(results, results.campaign("tiny").proposal(1, 0), 0.1)
    unknown = results.campaign("unknown")
    trained(results, unknown.proposal(1, 0), 0.2)
    prune(results)
    assert not trial.model().exists()
    assert next(results.root.glob("trials/S/*/share_1/model")).is_dir(), "no configuration: all its trials are wanted"
    write_text(unknown.config, "name: [")
    with pytest.raises(ConfigError):
        from admire.loop.pruning import look_for_wanted

        look_for_wanted(results)


def test_a_trial_in_training_is_left_alone(results: Layout) -> None:
    trial = trained(results, None, 0.1)
    with Lease(trial.lease).hold(wait=False):
        prune(results)
        assert trial.model().is_dir()


def test_a_dry_run_only_talks(results: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    trial = trained(results, None, 0.1)
    prune(results, "--dry-run")
    assert str(trial.model()) in capsys.readouterr().out and trial.model().is_dir()
