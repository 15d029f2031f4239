"""A training that nothing can be written for is no try at it, and goes on when there is space."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from admire.campaign.layout import TrialLayout
from admire.cli.main import main
from admire.errors import StorageError
from admire.train.run import train_trial
from admire.trials.attempts import Attempts
from admire.trials.records import held_back, read_training

MakeTrial = Callable[..., TrialLayout]

CAMPAIGN = """
name: tiny
sources: {docs: {corpus: docs}, code: {corpus: stdlib-code}}
tokenizer: {vocabulary: 512}
mixture: {rows: 100}
models: [{name: XS, cost: 1, target: true, architecture: {model_type: llama}}]
training: {sequence_length: 32, batch_size: 4, learning_rate: 1.0e-3}
evaluation: {loss: {kind: domain-loss}}
objective: {loss/docs: -1}
budget: {total: 20}
"""


@contextmanager
def no_file_above(count: int) -> Iterator[None]:
    """The system refuses to make a file larger than this, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (count, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("minutes", [0, 10], ids=["in a checkpoint", "in the model"])
def test_it_is_no_try_and_the_same_command_goes_on(make_trial: MakeTrial, minutes: float) -> None:
    trial = make_trial()
    for _ in range(4):
        with no_file_above(20_000), pytest.raises(StorageError, match="the same command goes on"):
            train_trial(trial, minutes, attempt=1, last_attempt=4)
    attempts = Attempts(trial.attempts)
    assert attempts.failures == 0 and attempts.legs == 0 and attempts.storage
    assert read_training(trial.train()) is None and not list(trial.outcome.glob(".model*"))
    assert train_trial(trial, minutes) == 0
    assert read_training(trial.train()).status == "ok"


def test_a_campaign_s_trial_is_left_without_an_outcome(
    make_trial: MakeTrial, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trial = make_trial()
    campaign = tmp_path / "tiny.yaml"
    campaign.write_text(CAMPAIGN)
    command = ["train", str(trial.folder), "--campaign", str(campaign), "--results", str(trial.results.root)]
    with no_file_above(20_000):
        assert main(command) == 0
    assert "the same command goes on" in capsys.readouterr().err
    assert "the same command goes on" in held_back(trial.train()) and read_training(trial.train()) is None
    assert json.loads(trial.train().read_text())["status"] == "held back"
    assert main(command) == 0 and read_training(trial.train()).status == "ok"
