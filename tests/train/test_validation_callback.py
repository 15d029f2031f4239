"""Validation while a training goes on: it changes no weight, goes on after a kill, and its time is not the training's."""

from __future__ import annotations

import csv
import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from own_process import send, train_until
from transformers import AutoModelForCausalLM

from admire.campaign.layout import Layout, TrialLayout
from admire.campaign.validation_plan import ValidationPlan
from admire.distributed.ranks import Ranks
from admire.errors import SourceError
from admire.evaluate.held_out import losses
from admire.train.run import train_trial
from admire.train.validation_callback import held_out_rows
from admire.trials.records import read_training

MakeTrial = Callable[..., TrialLayout]


def plan(kind: str, **keys: float) -> ValidationPlan:
    return ValidationPlan(**{"times": 5, "share": 0.5, "batch_size": 4} | keys, sources={"low": kind, "high": kind})


def copy(trial: TrialLayout, to: Path) -> TrialLayout:
    """The same trial in another results folder."""
    shutil.copytree(trial.results.root, to, symlinks=True)
    return TrialLayout(to / trial.folder.relative_to(trial.results.root))


def table(trial: TrialLayout) -> list[dict[str, str]]:
    return list(csv.DictReader(trial.validation().open()))


def bits(trial: TrialLayout) -> list[tuple[str, ...]]:
    """What does not depend on the machine's speed."""
    return [(row["step"], row["tokens"], row["bits:low"], row["bits:high"]) for row in table(trial)]


def weights(trial: TrialLayout) -> bytes:
    return (trial.model() / "model.safetensors").read_bytes()


@pytest.mark.parametrize("kind", ["pretrain", "sft"])
def test_weights_are_the_same_to_the_bit_with_and_without(make_trial: MakeTrial, tmp_path: Path, kind: str) -> None:
    trial = make_trial()
    if kind == "sft":
        train_trial(trial)
        trial = make_trial(base=trial, kind="sft", loss_on="assistant")
    plain = copy(trial, tmp_path / "plain")
    assert train_trial(plain) == train_trial(trial, validation=plan(kind)) == 0
    assert weights(trial) == weights(plain) and trial.curve().read_text() == plain.curve().read_text()
    assert not plain.validation().exists() and read_training(plain.train()).validation_seconds == 0
    assert [row["step"] for row in table(trial)] == ["10", "20", "30", "40", "50"]
    record, last = read_training(trial.train()), table(trial)[-1]
    assert int(last["tokens"]) == record.tokens
    saved = AutoModelForCausalLM.from_pretrained(trial.model()).eval()
    rows = held_out_rows(plan(kind), trial.results)
    assert {name: len(part) for name, part in rows.items()} == {"low": 10, "high": 10}
    for name, score in losses(saved, rows, 4, Ranks()).items():
        assert float(last[f"bits:{name}"]) == pytest.approx(score.value, rel=1e-6)
    spent = sum(float(row["validation_seconds"]) for row in table(trial))
    assert 0 < spent < record.seconds and record.validation_seconds == pytest.approx(spent)
    assert record.tokens_per_second == pytest.approx(record.tokens / (record.seconds - spent))


def test_killed_and_started_again_no_row_stands_twice(make_trial: MakeTrial, tmp_path: Path) -> None:
    trial = make_trial()
    undisturbed = copy(trial, tmp_path / "undisturbed")
    train_trial(undisturbed, validation=plan("pretrain", times=25))

    def scored_five_times() -> bool:
        return trial.validation().is_file() and len(table(trial)) >= 5

    how = {"checkpoint_minutes": 0.0005, "validation": plan("pretrain", times=25)}
    assert train_until(scored_five_times, send(signal.SIGKILL), trial, **how) == -signal.SIGKILL
    before = trial.validation().read_text()
    assert train_trial(trial, validation=plan("pretrain", times=25)) == 0
    assert trial.validation().read_text().startswith(before)
    assert bits(trial) == bits(undisturbed) and weights(trial) == weights(undisturbed)
    assert json.loads(trial.attempts.read_text().splitlines()[1])["resumed_step"] > 0


def test_what_was_due_when_it_was_stopped_is_scored_when_it_goes_on(make_trial: MakeTrial, tmp_path: Path) -> None:
    trial = make_trial()
    plain = copy(trial, tmp_path / "plain")

    def saved() -> bool:
        return any(trial.checkpoints.glob("checkpoint-*/whole.json"))

    assert train_until(saved, send(signal.SIGKILL), trial, checkpoint_minutes=0) == -signal.SIGKILL
    every = plan("pretrain", times=50)
    train_trial(trial, validation=every)
    train_trial(plain, validation=every)
    first = json.loads(trial.attempts.read_text().splitlines()[1])["resumed_step"]
    assert bits(trial) == bits(plain)[first - 1 :]


def test_a_source_that_is_not_prepared_is_named(make_trial: MakeTrial) -> None:
    trial = make_trial()
    absent = ValidationPlan(sources={"low": "absent"})
    with pytest.raises(SourceError, match=r"absent.*not prepared"):
        train_trial(trial, validation=absent)


def test_a_source_without_validation_rows_is_left_out(results: Layout) -> None:
    shutil.rmtree(results.source("high", "pretrain") / "validation")
    assert list(held_out_rows(plan("pretrain"), results)) == ["low"]
