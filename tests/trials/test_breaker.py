"""When the first trials of a size fail alike, no further one is asked for; whatever shows that it was no lasting error opens it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_campaign import CARDS, RAW

from admire.campaign.layout import Layout, TrialLayout
from admire.campaign.loading import parse
from admire.campaign.recipes import suite_digest
from admire.cli.main import main
from admire.errors import TrialError
from admire.health.check import findings
from admire.trials import breaker, waiting
from admire.trials.atomic_files import write_json, write_text
from admire.trials.attempts import Attempts
from admire.trials.identity import make_spec
from admire.trials.ledger import Ledger
from admire.trials.records import (
    EvaluationRecord,
    Score,
    TrainRecord,
    hold_back,
    publish,
    read_evaluation,
    read_training,
)
from admire.trials.retry import reopen

GIVEN_UP = "given up after 3 attempts, the last one: "
ERROR = GIVEN_UP + "IndexError: index out of range in self"


class Folder:
    """A campaign's folder; trials are decided one by one, or some at once."""

    def __init__(self, root: Path, **over: Any) -> None:
        small = {"name": "S", "cost": 0.5, "architecture": {"model_type": "llama"}}
        models = [small, small | {"name": "L", "cost": 1, "target": True}]
        self.campaign = parse(RAW | {"models": models, "results": str(root / "results")} | over, "tiny.yaml")
        self.layout = Layout(root / "results")
        self.files = self.layout.campaign(self.campaign.name)
        write_text(self.files.config, yaml.safe_dump(self.campaign.model_dump(mode="json"), sort_keys=False))
        self.decided = 0

    def decide(self, size: str, count: int = 1, decision: Path | None = None) -> list[TrialLayout]:
        model, made = self.campaign.model(size), []
        for _ in range(count):
            self.decided += 1
            share = self.decided / 100
            made.append(make_spec(self.campaign, CARDS, model, np.array([share, 1 - share])))
        entries = [{"spec": spec.as_dict(), "cost": model.cost} for spec in made]
        write_json(decision or self.files.proposal(self.decided, 0), {"trials": entries, "reason": None})
        trials = [self.layout.trial(size, spec.digest) for spec in made]
        for trial, spec in zip(trials, made, strict=True):
            write_json(trial.spec, spec.as_dict())
        return trials

    def fail(self, size: str, reason: str = ERROR) -> TrialLayout:
        (trial,) = self.decide(size)
        self.end(trial, reason)
        return trial

    def end(self, trial: TrialLayout, reason: str) -> None:
        Attempts(trial.attempts).begin(1, 0)
        publish(trial.train(), TrainRecord(status="failed", digest=trial.folder.name, reason=reason))

    def succeed(self, size: str, scored: str | None = None) -> TrialLayout:
        (trial,) = self.decide(size)
        publish(trial.train(), TrainRecord(status="ok", digest=trial.folder.name))
        for suite in self.campaign.evaluation:
            digest = suite_digest(self.campaign, suite)
            told: dict[str, Any] = {"suite": suite, "split": "validation", "digest": digest}
            names = [metric.partition("/")[2] for metric in self.campaign.metrics if metric.startswith(f"{suite}/")]
            if scored is None:
                record = EvaluationRecord(status="ok", metrics={name: Score(value=1.0) for name in names}, **told)
            else:
                record = EvaluationRecord(status="failed", reason=scored, **told)
            publish(trial.evaluation(suite, digest), record)
        return trial

    @property
    def ledger(self) -> Ledger:
        return Ledger.read(self.campaign)

    def broken(self) -> list[str]:
        return [str(found) for found in breaker.broken(self.ledger)]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


SMALL, LARGE = "S", "L"


def test_three_that_fail_alike_stop_the_campaign_in_one_sentence(folder: Folder) -> None:
    for number in range(3):
        breaker.check(folder.campaign, folder.ledger)
        assert folder.decided == number
        trial = folder.fail(SMALL)
    with pytest.raises(TrialError) as refused:
        breaker.check(folder.campaign, folder.ledger)
    said = str(refused.value)
    assert "IndexError: index out of range in self" in said and trial.folder.name in said
    assert f"admire retry --all {folder.campaign.name}" in said and "left" in said and "\n" not in said


ALIKE = {
    "places and numbers": [
        "killed without a word (Slurm job 7 on g1)",
        "killed without a word (Slurm job 23 on c12)",
        "killed without a word (Slurm job 110 on g1)",
    ],
    "folders": [f"OSError: /scratch/{name}/x.bin: no such file" for name in ("a1", "b/c", "d")],
    "digests": [
        f"TrialError: S/{digest}: torn" for digest in ("0123456789abcdef", "fedcba9876543210", "00ff00ff00ff00ff")
    ],
    "memory": [f"CUDA out of memory. Tried to allocate {size} GiB" for size in ("2.5", "2.25", "3")],
    "pointers": [f"RuntimeError: bad thing at 0x{number:x}" for number in (17, 1023, 77777)],
}


@pytest.mark.parametrize("reasons", ALIKE.values(), ids=ALIKE)
def test_what_differs_between_two_occurrences_of_an_error_does_not_count(folder: Folder, reasons: list[str]) -> None:
    for reason in reasons:
        folder.fail(SMALL, GIVEN_UP + reason)
    assert len(folder.broken()) == 1


UNLIKE = {
    "other errors": ["ValueError: a", "KeyError: 'b'", "RuntimeError: c"],
    "divergence": [
        f"diverged: the loss is {loss} at step 9, above training.diverged_above = 20" for loss in (21, 22, 23)
    ],
    "no number": ["the loss is nan at step 4", "the loss is nan at step 7", "the loss is inf at step 3"],
    "gradients": [f"the gradient's norm is inf at step {step}" for step in (3, 4, 5)],
}


@pytest.mark.parametrize("reasons", UNLIKE.values(), ids=UNLIKE)
def test_different_errors_and_what_the_mixture_brings_about_stop_nothing(folder: Folder, reasons: list[str]) -> None:
    for reason in reasons:
        folder.fail(SMALL, reason)
    assert folder.broken() == []


def test_sizes_are_told_apart(folder: Folder) -> None:
    for size in (SMALL, SMALL, LARGE, LARGE):
        folder.fail(size)
    assert folder.broken() == []
    folder.succeed(SMALL)
    folder.fail(LARGE)
    (found,) = folder.broken()
    assert f"size {LARGE}" in found


def test_a_success_opens_it_and_a_later_row_of_failures_closes_it_again(folder: Folder) -> None:
    for _ in range(4):
        folder.fail(SMALL)
    assert folder.broken()
    folder.succeed(SMALL)
    assert folder.broken() == []
    for _ in range(breaker.LATER):
        assert folder.broken() == []
        folder.fail(SMALL)
    assert "the last 5 trials" in folder.broken()[0]


def test_a_retry_opens_it(folder: Folder) -> None:
    trials = [folder.fail(SMALL) for _ in range(3)]
    reopen(trials[1])
    assert folder.broken() == []


def test_evaluations_that_fail_alike_count(folder: Folder) -> None:
    for _ in range(3):
        folder.succeed(SMALL, scored="TemplateError: no such role (3 attempts)")
    assert "TemplateError: no such role" in folder.broken()[0]


def test_scores_that_are_no_numbers_do_not(folder: Folder) -> None:
    for _ in range(3):
        folder.succeed(SMALL, scored="a: its value is nan, which is no score")
    assert folder.broken() == []


def test_a_final_training_is_refused_as_soon_as_everything_failed_alike(folder: Folder) -> None:
    folder.fail(SMALL)
    breaker.check(folder.campaign, folder.ledger)
    with pytest.raises(TrialError, match="the only trial so far failed"):
        breaker.check(folder.campaign, folder.ledger, final=True)
    folder.succeed(LARGE)
    breaker.check(folder.campaign, folder.ledger, final=True)


def test_of_a_batch_those_that_never_began_are_kept_back_until_it_opens(folder: Folder) -> None:
    trials = folder.decide(SMALL, 6)
    decision = str(folder.files.lane(folder.decided, 0).relative_to(folder.files.folder))
    for trial in trials[:2]:
        folder.end(trial, ERROR)
    Attempts(trials[3].attempts).begin(1, 0)
    assert not breaker.keeps_back(folder.campaign, trials[4]), "two are no rule"
    folder.end(trials[2], ERROR)
    assert breaker.keeps_back(folder.campaign, trials[4]) and not breaker.keeps_back(folder.campaign, trials[3])
    assert trials[4].train().is_file(), "the workflow asks no more for it"
    assert read_training(trials[4].train()) is None, "and it is no outcome"
    assert [trial.state for trial in folder.ledger.trials] == ["failed"] * 3 + ["proposed"] * 3
    evaluation = trials[4].evaluation("loss", "01234567")
    hold_back(evaluation, "not begun")
    assert read_evaluation(evaluation) is None
    folder.end(trials[3], ERROR)
    reopen(trials[0])
    reopen(trials[1])
    with pytest.raises(TrialError, match=r"a trial of \S+ was left without an outcome"):
        waiting.release(folder.ledger, decision)
    assert not trials[4].train().exists() and not evaluation.exists()
    waiting.release(folder.ledger, decision)


def test_a_finished_trial_is_never_kept_back(folder: Folder) -> None:
    done = folder.succeed(LARGE)
    for _ in range(3):
        folder.fail(SMALL)
    assert not breaker.keeps_back(folder.campaign, done)


def test_the_command_does_not_begin_what_is_kept_back(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(3):
        folder.fail(SMALL)
    (trial,) = folder.decide(SMALL)
    campaign = ["--campaign", folder.campaign.name, "--results", str(folder.layout.root)]
    assert main(["train", str(trial.folder), *campaign]) == 0
    assert "not begun: the first 3 trials of size" in capsys.readouterr().err
    assert not trial.attempts.exists() and read_training(trial.train()) is None
    assert main(["evaluate", str(trial.folder), "--suite", "loss", *campaign]) == 0
    assert "skipped, not begun" in capsys.readouterr().out


def test_status_says_it_in_one_line_and_retry_all_mends_it(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    trials = [folder.fail(SMALL) for _ in range(4)]
    said = [str(finding) for finding in findings(folder.campaign)]
    assert len(said) == 2 and all(f"admire retry --all {folder.campaign.name}" in line for line in said)
    assert said[0].startswith("stopped: ") and said[1].startswith("failed: 4 trials: ")
    assert main(["retry", "--all", folder.campaign.name, "--results", str(folder.layout.root)]) == 0
    assert "4 opened" in capsys.readouterr().out
    assert all(read_training(trial.train()) is None for trial in trials) and findings(folder.campaign) == []


def test_nothing_of_a_size_was_ever_trained(folder: Folder, capsys: pytest.CaptureFixture[str]) -> None:
    check = ["status", folder.campaign.name, "--check", "--results", str(folder.layout.root)]
    assert main(check) == 0, "nothing was tried"
    folder.succeed(LARGE)
    folder.fail(SMALL, "the loss is nan at step 4")
    assert main(check) == 1
    assert f"the only trial of size {SMALL} failed" in capsys.readouterr().err
    folder.succeed(SMALL)
    folder.fail(SMALL)
    assert main(check) == 0, "some rows may fail"


@given(st.lists(st.sampled_from(["same", "other", "ok"]), max_size=9))
@settings(max_examples=60, deadline=None)
def test_it_is_broken_by_what_is_in_the_ledger_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, ends: list[str]
) -> None:
    folder = Folder(tmp_path_factory.mktemp("campaign"))
    for end in ends:
        folder.succeed(SMALL) if end == "ok" else folder.fail(
            SMALL, {"same": ERROR, "other": f"KeyError: '{len(ends)}'"}[end]
        )
    alike = max((ends.count(end) for end in ("same", "other")), default=0)
    expected = (
        alike >= breaker.FIRST if "ok" not in ends else len(ends) >= 6 and len(set(ends[-5:])) == 1 and ends[-1] != "ok"
    )
    assert bool(folder.broken()) == expected
