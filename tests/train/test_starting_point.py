"""A training starts from what its trial was decided with: days lie between the two."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from admire.campaign.layout import Layout
from admire.campaign.loading import load
from admire.cli.main import main
from admire.loop.evidence import read_cards
from admire.preflight.check import begin
from admire.trials.atomic_files import write_json
from admire.trials.identity import make_spec

EARLIER = Path(__file__).parents[1] / "workflow/earlier/results.tar.xz"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.unpack_archive(EARLIER, tmp_path)
    begin(load("chats.yaml"))
    return tmp_path


def tried_before(folder):
    """A trial whose identity is the path, as if it was not trained yet."""
    trial = sorted(folder.glob("results/trials/M/*"))[0]
    shutil.rmtree(trial / "share_1")
    return trial


def new_trial(folder):
    """A trial whose identity is the content: the results begin with this version."""
    (folder / "results/contents.json").write_text("{}")
    campaign = load("chats.yaml")
    for name in campaign.sources:
        assert main(["prepare-source", name, "--campaign", "chats.yaml"]) == 0
    spec = make_spec(campaign, read_cards(campaign), campaign.target, np.array([0.25, 0.75]))
    assert spec.decides["model"].keys() == {"sha256"} and "sha256" in spec.labels["tokenizer"]
    trial = Layout("results").trial("M", spec.digest)
    write_json(trial.spec, spec.as_dict())
    assert main(["build-data", str(trial.folder)]) == 0
    return trial.folder


def swap_weights():
    path = Path("model/model.safetensors")
    content, times = bytearray(path.read_bytes()), path.stat()
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def rename_token():
    path = Path("model/tokenizer.json")
    path.write_text(path.read_text().replace('"<|system|>"', '"<|sytsem|>"'))


@pytest.mark.parametrize("decided", [tried_before, new_trial])
def test_other_weights_are_not_trained(folder, capsys, decided):
    trial = decided(folder)
    swap_weights()
    assert main(["train", str(trial)]) == 1
    assert "model: these weights are not those that the trial was decided with: they were" in capsys.readouterr().err
    assert not (trial / "share_1/train.json").exists()


def test_another_tokenizer_is_not_saved_with_the_model(folder, capsys):
    trial = new_trial(folder)
    rename_token()
    assert main(["train", str(trial)]) == 1
    assert "model: the tokenizer is not the one that this was decided with: it was" in capsys.readouterr().err


@pytest.mark.parametrize("decided", [tried_before, new_trial])
def test_what_it_was_decided_with_is_trained(folder, decided):
    trial = decided(folder)
    for path in Path("model").iterdir():
        path.touch()
    assert main(["train", str(trial)]) == 0
    record = json.loads((trial / "share_1/train.json").read_text())
    assert record["status"] == "ok" and record["digest"] == trial.name
