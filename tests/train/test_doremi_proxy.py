"""DoReMi's proxy raises the weight of what its reference knows and it does not, and survives being killed."""

from __future__ import annotations

import csv
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from own_process import send, train_until

from admire.campaign.layout import TrialLayout
from admire.errors import TrialError
from admire.train.doremi import SourceWeights
from admire.train.run import train_trial
from admire.trials.identity import Spec
from admire.trials.records import read_training

MakeTrial = Callable[..., TrialLayout]


def learned(trial: TrialLayout) -> dict[str, float]:
    """Source -> the weight that the proxy arrived at."""
    record = read_training(trial.train())
    return {source["name"]: record.learned[source["sha256"]] for source in Spec.load(trial).sources}


@pytest.mark.parametrize(("rows", "favoured"), [(390, "low"), (10, "high")])
def test_the_source_that_the_reference_knows_better_gains(make_trial: MakeTrial, rows: int, favoured: str) -> None:
    reference = make_trial(low=rows)
    train_trial(reference)
    assert read_training(reference.train()).learned == {}
    proxy = make_trial(low=200, reference=reference)
    assert train_trial(proxy) == 0
    weights = learned(proxy)
    assert sum(weights.values()) == pytest.approx(1)
    assert weights[favoured] > 0.6


def test_killed_and_started_again_it_arrives_at_the_same_weights(make_trial: MakeTrial, tmp_path: Path) -> None:
    reference = make_trial(low=390)
    train_trial(reference)
    trial = make_trial(low=200, reference=reference)
    shutil.copytree(trial.results.root, tmp_path / "undisturbed", symlinks=True)
    undisturbed = TrialLayout(tmp_path / "undisturbed" / trial.folder.relative_to(trial.results.root))
    train_trial(undisturbed)

    def at_step_10() -> bool:
        return any(int(path.name.split("-")[1]) >= 10 for path in trial.checkpoints.glob("checkpoint-*"))

    assert train_until(at_step_10, send(signal.SIGKILL), trial, checkpoint_minutes=0) == -signal.SIGKILL
    assert read_training(trial.train()) is None
    assert train_trial(trial) == 0
    assert learned(trial) == learned(undisturbed)
    assert trial.curve().read_text() == undisturbed.curve().read_text()


def test_two_processes_arrive_at_the_weights_of_one(make_trial: MakeTrial, tmp_path: Path) -> None:
    reference = make_trial(low=390)
    train_trial(reference)
    uneven = {"batch_size": 12, "learning_rate": 1e-3}  # the last step has four rows
    one = make_trial(low=200, reference=reference, **uneven)
    shutil.copytree(one.results.root, tmp_path / "two", symlinks=True)
    two = TrialLayout(tmp_path / "two" / one.folder.relative_to(one.results.root))
    train_trial(one)
    command = [sys.executable, "-m", "admire.cli.main", "train", str(two.folder), "--resources", '{"processes": 2}']
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert learned(two) == pytest.approx(learned(one), rel=1e-4)
    losses = [[float(row["loss"]) for row in csv.DictReader(trial.curve().open())] for trial in (one, two)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


def test_without_its_reference_it_says_what_to_train(make_trial: MakeTrial) -> None:
    reference = make_trial(low=390)
    with pytest.raises(TrialError, match=f"train it first: admire train .*{reference.folder.name}"):
        train_trial(make_trial(low=200, reference=reference))


def test_weights_follow_the_excess_and_never_vanish() -> None:
    weights = SourceWeights(3, step_size=1.0, smoothing=0.03, checkpoints=Path("unused"))
    first = weights.update(np.array([np.log(2), 0.0, 0.0]))
    assert first == pytest.approx(0.97 * np.array([0.5, 0.25, 0.25]) + 0.01)
    for _ in range(200):  # a source that no batch has keeps its last excess
        weights.update(np.array([np.nan, 0.0, 0.0]))
    assert weights.now == pytest.approx([0.9604, 0.0198, 0.0198], abs=1e-4)  # the fixed point of the update
    assert weights.mean.sum() == pytest.approx(1)
