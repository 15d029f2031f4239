"""A trial's spec lies beside its folder's declared file from the decision on; trials of earlier versions are looked for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tiny_campaign import CARDS, RAW

from admire.campaign.layout import Layout, TrialLayout, kept
from admire.campaign.loading import parse
from admire.campaign.recipes import source_digest
from admire.cli.main import main
from admire.loop.decisions import decide
from admire.trials.atomic_files import read_json, write_json
from admire.trials.decision_records import read_proposal


@pytest.fixture
def decided(tmp_path: Path) -> tuple[Path, TrialLayout, dict]:
    """A decision, its first trial and that trial's spec."""
    raw = RAW | {"results": str(tmp_path / "results"), "optimizer": {"method": "random", "initial": 1}}
    campaign, layout = parse(raw, "tiny.yaml"), Layout(tmp_path / "results")
    for name, card in CARDS.items():
        write_json(layout.card(name, source_digest(campaign, name)), card)
    path = decide(campaign, "step_0000/lane_0")
    entry = read_proposal(path).trials[0]
    return path, entry.files(layout), entry.spec


def test_a_decision_leaves_the_spec_and_not_the_declared_file(decided):
    path, trial, spec = decided
    assert read_json(kept(trial.spec)) == spec and not trial.spec.exists()
    path.unlink()
    shutil.rmtree(path.parent)
    assert main(["spec", str(trial.folder)]) == 0 and read_json(trial.spec) == spec


def test_a_trial_that_an_earlier_version_decided_is_found(decided):
    _, trial, spec = decided
    kept(trial.spec).unlink()
    assert main(["spec", str(trial.folder)]) == 0 and read_json(trial.spec) == spec


def test_a_copy_that_was_edited_or_is_another_trials_is_refused(decided, capsys):
    _, trial, spec = decided
    write_json(kept(trial.spec), spec | {"decides": spec["decides"] | {"recipe": 7}})
    assert main(["spec", str(trial.folder)]) == 1 and "it was edited" in capsys.readouterr().err
    other = TrialLayout(trial.folder.with_name("0" * 16))
    write_json(kept(other.spec), spec)
    assert main(["spec", str(other.folder)]) == 1 and not other.spec.exists()
