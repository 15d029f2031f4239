"""A trial that stops at a share of its steps is a whole training of fewer; going on later ends in the bits of going straight."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_training import attempts, begun, copy, files, fork, killed, wait_for

from admire.campaign.layout import TrialLayout
from admire.cli.main import main
from admire.errors import TrialError
from admire.train.run import train_trial
from admire.trials.records import TrainRecord, read_training

MakeTrial = Callable[..., TrialLayout]
SCHEDULE = {"schedule": "warmup_stable_decay", "warmup_share": 0.1}  # of 50 steps; a quarter of them is 12


def trained(trial: TrialLayout, share: float) -> TrainRecord:
    assert main(["train", str(trial.folder), "--share", str(share)]) == 0
    record = read_training(trial.at(share).train())
    assert record is not None and record.status == "ok"
    return record


def outcome(trial: TrialLayout, share: float) -> dict[str, Any]:
    """What must not depend on where it stopped before."""
    there = trial.at(share)
    record = read_training(there.train())
    kept = record.model_dump(include={"status", "steps", "planned_steps", "tokens", "loss", "parameters"})
    return {"record": kept, "model": files(there.model()), "curve": there.curve().read_text()}


def rates(trial: TrialLayout) -> list[float]:
    return [float(row["learning_rate"]) for row in csv.DictReader(trial.curve().open())]


def test_a_quarter_then_half_then_all_ends_in_the_bits_of_going_straight(make_trial: MakeTrial, tmp_path: Path) -> None:
    trial = make_trial(**SCHEDULE)
    straight = {share: copy(trial, tmp_path / f"straight {share}") for share in (0.5, 1)}
    assert [trained(trial, share).continued_from for share in (0.25, 0.5, 1)] == [0, 10, 20]
    for share, other in straight.items():
        assert trained(other, share).continued_from == 0
        assert outcome(trial, share) == outcome(other, share)


def test_fine_tuning_too(make_trial: MakeTrial, tmp_path: Path) -> None:
    base = make_trial()
    train_trial(base)
    trial = make_trial(base=base, kind="sft", loss_on="assistant", **SCHEDULE)
    straight = copy(trial, tmp_path / "straight")
    trained(trial, 0.25)
    assert trained(trial, 1).continued_from == 10
    trained(straight, 1)
    assert outcome(trial, 1) == outcome(straight, 1)


def test_each_stop_has_a_schedule_of_its_own(make_trial: MakeTrial) -> None:
    trial = make_trial(**SCHEDULE)
    record = trained(trial, 0.5)
    assert (record.steps, record.planned_steps) == (25, 25)
    short = rates(trial.at(0.5))
    assert len(short) == 25 and short[5:21] == [1e-2] * 16 and short[20:] == sorted(short[20:], reverse=True)
    assert short[-1] < 0.15e-2
    trained(trial, 1)
    assert rates(trial)[:20] == short[:20] and rates(trial)[20:41] == [1e-2] * 21


def test_a_continued_training_counts_only_its_own_time_and_tokens(make_trial: MakeTrial) -> None:
    trial = make_trial(**SCHEDULE)
    trained(trial, 0.5)
    record = trained(trial, 1)
    assert record.tokens == 400 * 16
    assert record.tokens_per_second * record.seconds == pytest.approx((50 - 20) * 8 * 16)


def test_killed_in_the_middle_of_a_continuation_it_ends_in_the_same_bits(make_trial: MakeTrial, tmp_path: Path) -> None:
    trial = make_trial(**SCHEDULE, epochs=2)
    straight = copy(trial, tmp_path / "straight")
    trained(trial, 0.25)
    killed(trial, 35)  # in the stable phase
    killed(trial, 90)  # in the decay
    record = trained(trial, 1)
    assert record.continued_from == 20 and record.attempts == 3
    assert [line["resumed_step"] >= step for line, step in zip(attempts(trial), (20, 33, 88), strict=False)] == [
        True
    ] * 3
    assert record.tokens_per_second * record.seconds == pytest.approx((100 - 20) * 8 * 16)
    trained(straight, 1)
    assert outcome(trial, 1) == outcome(straight, 1)


def test_what_was_killed_in_its_decay_is_no_place_for_a_longer_training(make_trial: MakeTrial, tmp_path: Path) -> None:
    trial = make_trial(**SCHEDULE, epochs=2)
    straight = copy(trial, tmp_path / "straight")
    killed(trial.at(0.5), 45)
    assert trained(trial, 1).continued_from == 40
    trained(straight, 1)
    assert outcome(trial, 1) == outcome(straight, 1)
    assert trained(trial, 0.5).attempts == 2


def test_without_checkpoints_of_the_stable_phase_it_begins_anew(make_trial: MakeTrial) -> None:
    trial = make_trial(**SCHEDULE)
    trained(trial, 0.25)
    for path in trial.stable_checkpoints.rglob("model.safetensors"):
        path.write_bytes(b"")  # as a lost disk would leave it
    assert trained(trial, 0.5).continued_from == 0


def test_two_shares_of_one_trial_never_train_at_once(make_trial: MakeTrial) -> None:
    trial = make_trial(**SCHEDULE, epochs=4)
    process = fork.Process(target=train_trial, args=(trial.at(0.5), 0))
    process.start()
    wait_for(begun(trial.at(0.5), 5))
    assert trained(trial, 1).continued_from == 80, "it waited, and went on from what the other left"
    process.join()
    assert read_training(trial.at(0.5).train()).status == "ok"


def test_a_schedule_that_falls_all_the_way_cannot_stop_early(make_trial: MakeTrial) -> None:
    trial = make_trial()
    with pytest.raises(TrialError, match=r"'cosine'.*training\.schedule: warmup_stable_decay"):
        train_trial(trial.at(0.5))
    assert not trial.lease.exists()


@pytest.mark.parametrize("wrong", ["0", "1.5", "half"])
def test_no_share_is_said_in_a_sentence(make_trial: MakeTrial, wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", str(make_trial().folder), "--share", wrong])
    assert f"{wrong} is no share of the steps; give a number above 0, up to 1" in capsys.readouterr().err
