"""What has been finished stays finished, whatever happens to the declared file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from admire.trials.atomic_files import read_json, write_json
from admire.trials.records import (
    EvaluationRecord,
    Score,
    TrainRecord,
    kept,
    provenance,
    publish,
    read_evaluation,
    read_training,
    restore,
)

RECORD = TrainRecord(status="ok", digest="d", steps=7, loss=1.25, provenance={"versions": {"torch": "2"}})


def test_published_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "share_1" / "train.json"
    assert read_training(path) is None and not restore(path)
    publish(path, RECORD)
    assert read_training(path) == RECORD == TrainRecord.model_validate(read_json(path))


def test_a_deleted_record_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    publish(path, RECORD)
    before = path.read_bytes()
    path.unlink()
    assert read_training(path) == RECORD, "before anybody restored it, too"
    assert restore(path) and path.read_bytes() == before


def test_a_record_in_place_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    publish(path, RECORD)
    os.utime(path, (1, 1))  # nothing that is written now has this time
    assert restore(path) and path.stat().st_mtime == 1


def test_killed_between_the_two_files_it_counts_as_finished(tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    write_json(kept(path), RECORD.model_dump(mode="json"))
    assert restore(path) and read_training(path) == RECORD


def test_evaluations(tmp_path: Path) -> None:
    path = tmp_path / "loss-0123abcd.json"
    record = EvaluationRecord(
        status="ok",
        suite="loss",
        split="validation",
        digest="0123abcd",
        metrics={"docs": Score(value=2.0, stderr=0.1, n=64)},
    )
    assert read_evaluation(path) is None
    publish(path, record)
    path.unlink()
    assert read_evaluation(path) == record


def test_not_a_number_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        publish(tmp_path / "train.json", TrainRecord(status="ok", digest="d", loss=float("nan")))
    assert list(tmp_path.rglob("*.json")) == []


def test_unknown_keys_are_a_defect(tmp_path: Path) -> None:
    write_json(tmp_path / "train.json", RECORD.model_dump(mode="json") | {"surprise": 1})
    with pytest.raises(ValidationError):
        read_training(tmp_path / "train.json")


def test_provenance_names_what_a_number_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    found = provenance("numpy", "pydantic")
    assert found["versions"].keys() == {"numpy", "pydantic"} and found["slurm_job"] == "17"
    assert found["host"] and found["python"] and found["admire"]
