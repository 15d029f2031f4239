"""Fine-tuning starts from a base trial's weights or a folder, and learns what the assistant says."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from admire.campaign.layout import TrialLayout
from admire.campaign.schema.resources import Resources
from admire.errors import TrialError
from admire.train.run import train_trial
from admire.train.sft import Conversations
from admire.trials.records import read_training

MakeTrial = Callable[..., TrialLayout]


def test_only_what_the_assistant_says_counts() -> None:
    rows = [{"input_ids": [5, 6, 7], "assistant_masks": [0, 1, 1]}, {"input_ids": [8, 9], "assistant_masks": [0, 1]}]
    batch = Conversations(pad_token_id=0, assistant_only=True)(rows)
    assert batch["input_ids"].tolist() == [[5, 6, 7], [8, 9, 0]]
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0]]
    assert batch["labels"].tolist() == [[-100, 6, 7], [-100, 9, -100]]
    batch = Conversations(pad_token_id=0, assistant_only=False)(rows)
    assert batch["labels"].tolist() == [[5, 6, 7], [8, 9, -100]]


def test_a_base_trial_and_its_folder_give_the_same_start(make_trial: MakeTrial) -> None:
    base = make_trial()
    train_trial(base)
    still = {"kind": "sft", "loss_on": "assistant", "learning_rate": 1e-12, "weight_decay": 0.0}
    for trial in (make_trial(base=base, **still), make_trial(path=base.model(), **still)):
        assert train_trial(trial) == 0
        record = read_training(trial.train())
        assert record.steps == 50 and "trl" in record.provenance["versions"]
        start, end = (load_file(model.model() / "model.safetensors") for model in (base, trial))
        assert start.keys() == end.keys()
        for name, weights in start.items():
            torch.testing.assert_close(end[name], weights, rtol=0, atol=1e-6)


def test_tokens_are_counted_without_padding(make_trial: MakeTrial) -> None:
    from admire.data.rows import load_rows

    base = make_trial()
    train_trial(base)
    trial = make_trial(base=base, kind="sft", loss_on="all")
    train_trial(trial)
    assert read_training(trial.train()).tokens == sum(len(row) for row in load_rows(trial)["input_ids"])


def test_a_missing_base_is_named(make_trial: MakeTrial) -> None:
    base = make_trial()
    trial = make_trial(base=base, kind="sft", loss_on="assistant")
    with pytest.raises(TrialError, match=str(base.model())):
        train_trial(trial)
    absent = make_trial(path=base.folder / "absent", kind="sft", loss_on="assistant")
    with pytest.raises(TrialError, match=r"models\.XS\.path"):
        train_trial(absent)
    train_trial(base)
    shutil.rmtree(base.model())  # pruned
    with pytest.raises(TrialError, match="not there"):
        train_trial(trial)


def test_without_padding_the_losses_are_the_same(make_trial: MakeTrial, tmp_path: Path) -> None:
    base = make_trial()
    train_trial(base)
    padded = make_trial(base=base, kind="sft", loss_on="assistant")
    shutil.copytree(padded.results.root, tmp_path / "flat", symlinks=True)
    flat = TrialLayout(tmp_path / "flat" / padded.folder.relative_to(padded.results.root))
    assert train_trial(padded) == 0
    assert train_trial(flat, resources=Resources(padding_free=True)) == 0
    assert read_training(flat.train()).tokens == read_training(padded.train()).tokens
    ours, theirs = ([float(row["loss"]) for row in csv.DictReader(t.curve().open())] for t in (flat, padded))
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
