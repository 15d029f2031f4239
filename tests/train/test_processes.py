"""Several processes train what one trains: the same batches, one checkpoint at one step, one record."""

from __future__ import annotations

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from ended_processes import ended
from safetensors.torch import load_file

from admire.campaign.layout import TrialLayout
from admire.campaign.schema.resources import Resources
from admire.campaign.validation_plan import ValidationPlan
from admire.errors import ConfigError
from admire.train.checkpoints import newest
from admire.train.run import train_trial
from admire.trials.attempts import Attempts
from admire.trials.identity import Spec
from admire.trials.lease import Lease
from admire.trials.reasons import last_reason
from admire.trials.records import read_training

MakeTrial = Callable[..., TrialLayout]
SHARDED = str(Path(__file__).with_name("sharded_on_cpu.py"))
TWO = {"processes": 2, "rows_per_device": 3}
# 400 rows do not fill a pass's last batch: of the four rows left one process has three, the other one
UNEVEN = {"batch_size": 12, "epochs": 4}
STEPS = 4 * 34
# 20 rows of each of two sources, seven batches
VALIDATION = {"times": 8, "batch_size": 6}


def copy(trial: TrialLayout, to: Path) -> TrialLayout:
    """The same trial in another results folder."""
    shutil.copytree(trial.results.root, to, symlinks=True)
    return TrialLayout(to / trial.folder.relative_to(trial.results.root))


def plan(trial: TrialLayout) -> ValidationPlan:
    kind = Spec.load(trial).decides["training"]["kind"]
    return ValidationPlan(**VALIDATION, sources={"low": kind, "high": kind})


def start(
    trial: TrialLayout, resources: dict[str, Any], sharded: bool = False, minutes: float = 0.005
) -> subprocess.Popen[str]:
    """Train and validate in processes of its own, with a checkpoint every third of a second."""
    launcher = [sys.executable, "-m", "admire.cli.main"]
    if sharded:
        launcher = [str(Path(sys.executable).with_name("torchrun")), "--standalone", "--nproc-per-node=2", SHARDED]
        resources = resources | {"sharding": "full"}
    told = ["train", str(trial.folder), "--share", f"{trial.share:g}", "--resources", json.dumps(resources)]
    told += ["--checkpoint-minutes", str(minutes), "--validation", plan(trial).model_dump_json()]
    return subprocess.Popen([*launcher, *told], stderr=subprocess.PIPE, text=True)


def train(trial: TrialLayout, resources: dict[str, Any], sharded: bool = False) -> None:
    process = start(trial, resources, sharded, minutes=10)
    said = process.communicate()[1]
    assert process.returncode == 0, said


def curve(trial: TrialLayout) -> list[float]:
    return [float(row["loss"]) for row in csv.DictReader(trial.curve().open())]


def weights(trial: TrialLayout) -> dict[str, torch.Tensor]:
    return load_file(trial.model() / "model.safetensors")


def lines(trial: TrialLayout) -> list[dict[str, Any]]:
    return [json.loads(line) for line in trial.attempts.read_text().splitlines()]


def saved(trial: TrialLayout) -> bool:
    """Whether there is a whole checkpoint."""
    return any(trial.checkpoints.glob("checkpoint-*/whole.json"))


def wait_for(condition: Callable[[], Any]) -> None:
    limit = time.monotonic() + 300
    while not condition():
        assert time.monotonic() < limit, "waited in vain"
        time.sleep(0.005)


def stopped(trial: TrialLayout, sharded: bool = False) -> None:
    """Train until there is a checkpoint, tell the launcher to stop, and look at what is left."""
    process = start(trial, TWO, sharded)
    wait_for(lambda: saved(trial) or process.poll() is not None)
    process.send_signal(signal.SIGTERM)
    process.send_signal(signal.SIGTERM)  # a second one disturbs nothing
    said = process.communicate()[1]
    assert process.returncode == 75 or sharded, said  # torchrun's own exit code says nothing
    begin, end = lines(trial)
    assert (begin["event"], end["outcome"], end["step"]) == ("begin", "interrupted", newest(trial.checkpoints).step)
    assert 1 < end["step"] < STEPS and "SIGTERM" in end["reason"] and not trial.lease.exists()


def validated(trial: TrialLayout) -> list[list[float]]:
    """Steps, tokens and held-out losses."""
    columns = ("step", "tokens", "bits:low", "bits:high")
    return [[float(row[name]) for name in columns] for row in csv.DictReader(trial.validation().open())]


def same(ours: TrialLayout, theirs: TrialLayout) -> None:
    """Up to rounding."""
    torch.testing.assert_close(validated(ours), validated(theirs), rtol=1e-3, atol=0)
    torch.testing.assert_close(curve(ours), curve(theirs), rtol=1e-4, atol=1e-5)
    for name, value in weights(theirs).items():
        torch.testing.assert_close(weights(ours)[name], value, rtol=1e-2, atol=1e-4)


def test_two_train_what_one_trains_and_stop_and_go_on_together(make_trial: MakeTrial, tmp_path: Path) -> None:
    alone = make_trial(**UNEVEN)
    passes, together, disturbed = (copy(alone, tmp_path / name) for name in ("passes", "together", "disturbed"))
    assert train_trial(alone, validation=plan(alone)) == 0
    assert train_trial(passes, resources=Resources(rows_per_device=4), validation=plan(passes)) == 0
    train(together, TWO)
    record = read_training(together.train())
    assert (record.status, record.steps, record.attempts) == ("ok", STEPS, 1) and record.first_step_seconds > 0
    same(passes, alone)
    same(together, alone)
    stopped(disturbed)
    train(disturbed, TWO)
    _, end, resumed, _ = lines(disturbed)
    assert resumed["resumed_step"] == end["step"] and not disturbed.checkpoints.exists()
    assert disturbed.curve().read_text() == together.curve().read_text()
    assert validated(disturbed) == validated(together) and len(validated(together)) == 8
    for name, value in weights(together).items():
        assert torch.equal(weights(disturbed)[name], value), name


def test_two_go_on_with_what_stopped_early(make_trial: MakeTrial, tmp_path: Path) -> None:
    trial = make_trial(**UNEVEN, schedule="warmup_stable_decay")
    straight = copy(trial, tmp_path / "straight")
    for one in (trial.at(0.5), trial, straight):
        train(one, TWO)
    assert read_training(trial.train()).continued_from == 68 - 14
    assert trial.curve().read_text() == straight.curve().read_text()
    for name, value in weights(straight).items():
        assert torch.equal(weights(trial)[name], value), name


def test_two_that_share_the_weights_too(make_trial: MakeTrial, tmp_path: Path) -> None:
    base = make_trial()
    train_trial(base)
    alone = make_trial(base=base, kind="sft", loss_on="assistant", **UNEVEN)
    sharded = copy(alone, tmp_path / "sharded")
    assert train_trial(alone, validation=plan(alone)) == 0
    stopped(sharded, sharded=True)
    planted = copy(sharded, tmp_path / "planted")
    for path in planted.checkpoints.rglob(".metadata"):  # which the library unpickles
        path.write_bytes(bytes(path.stat().st_size))
    assert newest(sharded.checkpoints) is not None and newest(planted.checkpoints) is None
    train(sharded, TWO, sharded=True)
    assert lines(sharded)[2]["resumed_step"] == lines(sharded)[1]["step"]
    same(sharded, alone)


def test_where_one_is_killed_the_others_end_and_the_attempt_counts_as_killed(make_trial: MakeTrial) -> None:
    trial = make_trial(**UNEVEN | {"epochs": 40})
    process = start(trial, TWO)
    wait_for(lambda: saved(trial) or process.poll() is not None)
    first = lines(trial)[0]["pid"]
    other = next(one for one in psutil.Process(process.pid).children() if one.pid != first)
    other.kill()
    said = process.communicate()[1]
    assert process.returncode == 1 and "killed by SIGKILL" in said.splitlines()[-1], said
    assert ended(first) and Lease(trial.lease).holder() is None
    assert [line["event"] for line in lines(trial)] == ["begin"]
    assert "killed" in last_reason(Attempts(trial.attempts))


def test_a_batch_that_cannot_be_shared_is_refused(make_trial: MakeTrial) -> None:
    trial = make_trial()
    with pytest.raises(ConfigError, match=r"rows_per_device.*set it to 2"):
        train_trial(trial, resources=Resources(rows_per_device=3))
