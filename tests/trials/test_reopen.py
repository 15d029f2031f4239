"""Only a failed trial can be opened again, and nothing of it is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from admire.campaign.layout import Layout, TrialLayout
from admire.cli.main import main
from admire.errors import BusyError, TrialError
from admire.trials.files import write_json
from admire.trials.lease import Lease
from admire.trials.records import EvaluationRecord, TrainRecord, publish, read_evaluation, read_training, restore
from admire.trials.reopen import find_trial, reopen


@pytest.fixture
def trial(tmp_path: Path) -> TrialLayout:
    trial = Layout(tmp_path / "results").trial("S", "abcdef0123456789")
    write_json(trial.spec, {})
    trial.attempts.write_text("{}\n")
    return trial


def fail(trial: TrialLayout) -> Path:
    publish(trial.train(), TrainRecord(status="failed", digest=trial.folder.name, reason="diverged"))
    evaluation = trial.evaluation("loss", "01234567")
    publish(evaluation, EvaluationRecord(status="skipped", suite="loss", split="validation", digest="01234567"))
    return evaluation


def test_a_failed_trial_is_open_again(trial: TrialLayout) -> None:
    evaluation = fail(trial)
    archive = reopen(trial)
    assert read_training(trial.train()) is None and not restore(trial.train())
    assert read_evaluation(evaluation) is None
    assert read_training(archive / "train.json").reason == "diverged"
    assert read_evaluation(archive / "evaluate" / evaluation.name).status == "skipped"
    assert trial.attempts.is_file() and not trial.lease.exists()
    publish(trial.train(), TrainRecord(status="ok", digest=trial.folder.name))
    assert read_training(trial.train()).status == "ok"


def test_of_several_shares_the_one_that_failed_is_opened(
    trial: TrialLayout, capsys: pytest.CaptureFixture[str]
) -> None:
    publish(trial.at(0.25).train(), TrainRecord(status="ok", digest=trial.folder.name))
    fail(trial.at(0.5))
    assert main(["retry", "abcdef", "--results", str(trial.results.root)]) == 0
    assert "share_0.5" in capsys.readouterr().out
    assert read_training(trial.at(0.5).train()) is None and read_training(trial.at(0.25).train()).status == "ok"


def test_others_are_refused(trial: TrialLayout) -> None:
    with pytest.raises(TrialError, match="open already"):
        reopen(trial)
    publish(trial.train(), TrainRecord(status="ok", digest=trial.folder.name))
    with pytest.raises(TrialError, match="never trained again"):
        reopen(trial)
    assert read_training(trial.train()).status == "ok"


def test_a_trial_in_training_is_refused(trial: TrialLayout) -> None:
    fail(trial)
    with Lease(trial.lease).hold(wait=False), pytest.raises(BusyError):
        reopen(trial)
    assert read_training(trial.train()).status == "failed"


def test_found_by_the_beginning_of_its_digest(trial: TrialLayout) -> None:
    layout = trial.results
    other = layout.trial("M", "abcd000000000000")
    write_json(other.spec, {})
    assert find_trial(layout, "abcde") == trial
    for wrong in ("abcd", "ffff", "*", ""):
        with pytest.raises(TrialError):
            find_trial(layout, wrong)


def test_the_command(trial: TrialLayout, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["retry", trial.folder.name[:8], "--results", str(trial.results.root)]
    assert main(arguments) == 1
    assert "open already" in capsys.readouterr().err
    fail(trial)
    assert main(arguments) == 0
    assert str(trial.folder) in capsys.readouterr().out
    assert read_training(trial.train()) is None
