"""Several processes train what one trains: the same batches, one checkpoint at one step, one record."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from admire.campaign.config import Resources
from admire.campaign.layout import TrialLayout
from admire.train.checkpoints import newest
from admire.train.run import train_trial
from admire.trials.records import read_training

MakeTrial = Callable[..., TrialLayout]
TWO = {"processes": 2}
# 400 rows do not fill the last batch: one process has 4 rows left, the other none
UNEVEN = {"batch_size": 12}


def copy(trial: TrialLayout, to: Path) -> TrialLayout:
    """The same trial in another results folder."""
    shutil.copytree(trial.results.root, to, symlinks=True)
    return TrialLayout(to / trial.folder.relative_to(trial.results.root))


def start(trial: TrialLayout, resources: dict[str, Any], *more: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "admire.cli.main",
        "train",
        str(trial.folder),
        "--resources",
        json.dumps(resources),
    ]
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    return subprocess.Popen([*command, *more], stderr=subprocess.PIPE, text=True, env=environment)


def train(trial: TrialLayout, resources: dict[str, Any]) -> None:
    process = start(trial, resources)
    said = process.communicate()[1]
    assert process.returncode == 0, said


def curve(trial: TrialLayout) -> list[float]:
    return [float(row["loss"]) for row in csv.DictReader(trial.curve().open())]


def weights(trial: TrialLayout) -> dict[str, torch.Tensor]:
    return load_file(trial.model() / "model.safetensors")


def lines(trial: TrialLayout) -> list[dict[str, Any]]:
    return [json.loads(line) for line in trial.attempts.read_text().splitlines()]


def wait_for(condition: Callable[[], Any]) -> None:
    limit = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.005)


def test_the_batch_is_the_same_however_it_is_shared(make_trial: MakeTrial, tmp_path: Path) -> None:
    alone = make_trial(**UNEVEN)
    together, passes = copy(alone, tmp_path / "together"), copy(alone, tmp_path / "passes")
    assert train_trial(alone) == 0
    assert train_trial(passes, resources=Resources(rows_per_device=4)) == 0
    train(together, TWO | {"rows_per_device": 3})
    record = read_training(together.train())
    assert (record.status, record.steps, record.attempts) == ("ok", 34, 1) and record.first_step_seconds > 0
    for other in (passes, together):
        torch.testing.assert_close(curve(other), curve(alone), rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(weights(other), weights(alone), rtol=1e-2, atol=1e-4)


@pytest.mark.parametrize("sharding", ["none", "full"])
def test_told_to_stop_they_stop_together_and_end_in_the_same_bits(
    make_trial: MakeTrial, tmp_path: Path, sharding: str
) -> None:
    trial = make_trial(epochs=4)
    undisturbed = copy(trial, tmp_path / "undisturbed")
    resources = TWO | {"sharding": sharding}
    train(undisturbed, resources)
    process = start(trial, resources)
    wait_for(trial.attempts.is_file)
    time.sleep(0.5)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGURG)  # a second one disturbs nothing
    said = process.communicate()[1]
    assert process.returncode == 75, said
    begin, end = lines(trial)
    assert (begin["event"], end["outcome"], end["step"]) == ("begin", "interrupted", newest(trial.checkpoints).step)
    assert 0 < end["step"] < 200 and "SIGTERM" in end["reason"] + "SIGTERM" and not trial.lease.exists()
    train(trial, resources)
    assert lines(trial)[2]["resumed_step"] == end["step"]
    assert trial.curve().read_text() == undisturbed.curve().read_text()
    for name, value in weights(undisturbed).items():
        assert torch.equal(weights(trial)[name], value), name
    assert not trial.checkpoints.exists()
