"""Only a failed trial can be opened again, and nothing of it is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from admire.campaign.layout import Layout, TrialLayout
from admire.cli.main import main
from admire.errors import BusyError, TrialError
from admire.trials.atomic_files import write_json
from admire.trials.lease import Lease
from admire.trials.records import EvaluationRecord, TrainRecord, publish, read_evaluation, read_training, restore
from admire.trials.retry import failed_trials, find_trial, reopen


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


@pytest.fixture
def several(tmp_path: Path) -> Layout:
    """Three trials that failed for two reasons, one that could not be scored, one that is trained and scored."""
    layout = Layout(tmp_path / "results")
    for digest, reason in (
        ("a" * 16, "OSError: no libcuda"),
        ("b" * 16, "given up: OSError: no LibCuda"),
        ("c" * 16, "diverged"),
    ):
        write_json(layout.trial("S", digest).spec, {})
        publish(layout.trial("S", digest).train(), TrainRecord(status="failed", digest=digest, reason=reason))
    for digest, status in (("d" * 16, "failed"), ("e" * 16, "ok")):
        trial = layout.trial("M", digest)
        write_json(trial.spec, {})
        publish(trial.train(), TrainRecord(status="ok", digest=digest))
        told = {"suite": "loss", "split": "validation", "digest": "01234567"}
        publish(
            trial.evaluation("loss", "01234567"),
            EvaluationRecord(status=status, reason="TemplateError: no role", **told),
        )
    return layout


def still_failed(layout: Layout) -> str:
    return "".join(trial.folder.name[0] for trial in failed_trials(layout))


def test_all_that_failed_are_opened_at_once(several: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["retry", "--all", "--results", str(several.root)]) == 0
    assert "4 opened" in capsys.readouterr().out
    assert read_training(several.trial("M", "d" * 16).train()).status == "ok", "it is only scored again"
    assert main(["retry", "--all", "--results", str(several.root)]) == 1
    assert "no trial under" in capsys.readouterr().err


@pytest.mark.parametrize(("reason", "left"), [("libcuda", "dc"), ("DIVERGED", "dab"), ("no role", "abc"), ("no", "c")])
def test_those_with_a_reason_are_opened(several: Layout, reason: str, left: str) -> None:
    assert main(["retry", "--reason", reason, "--results", str(several.root)]) == 0
    assert still_failed(several) == left


def test_several_digests_are_opened(several: Layout) -> None:
    assert main(["retry", "aaa", "ccc", "--results", str(several.root)]) == 0
    assert still_failed(several) == "db"


def test_what_is_busy_is_said_and_the_others_are_opened(several: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    with Lease(several.trial("S", "b" * 16).lease).hold(wait=False):
        assert main(["retry", "--all", "--results", str(several.root)]) == 1
    said = capsys.readouterr()
    assert "b" * 16 in said.err and "3 opened" in said.out and still_failed(several) == "b"


@pytest.mark.parametrize("asked", [[], ["--reason", "nothing like it"], ["--all", "nobody"]])
def test_what_names_nothing_is_refused_in_a_sentence(
    several: Layout, capsys: pytest.CaptureFixture[str], asked: list[str]
) -> None:
    assert main(["retry", *asked, "--results", str(several.root)]) == 1
    assert capsys.readouterr().err.startswith("admire retry: ") and still_failed(several) == "dabc"
