"""Weights, windows and templates that cannot be used are refused from their JSON alone."""

import json
from pathlib import Path

import pytest
import yaml

from admire.cli.main import main

CHAT = Path(__file__).parents[2] / "config/chat.jinja"
PLAIN = "{% for message in messages %}{{ message.content }}{% endfor %}"


@pytest.fixture
def weights(tmp_path, monkeypatch):
    """A folder that looks like a model with a tokenizer."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "model.safetensors").touch()
    (folder / "config.json").write_text(json.dumps({"model_type": "llama", "max_position_embeddings": 64}))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": CHAT.read_text()}))
    return folder


def refused(capsys, length=64, path="weights", **tokenizer):
    campaign = {
        "name": "mine",
        "sources": {name: {"corpus": f"chat-{name}"} for name in ("facts", "strings")},
        "tokenizer": tokenizer,
        "mixture": {"rows": 8},
        "models": [{"name": "S", "cost": 1, "target": True, "path": path}],
        "training": {"kind": "sft", "sequence_length": length, "batch_size": 2, "learning_rate": 0.001},
        "evaluation": {"loss": {"kind": "domain-loss"}},
        "objective": {"loss/facts": -1},
        "budget": {"total": 40},
    }
    Path("mine.yaml").write_text(yaml.safe_dump(campaign))
    code = main(["preflight", "mine.yaml"])
    said = capsys.readouterr().err
    assert code == (1 if said else 0) and said.count("\n") <= 1
    return said


def test_a_model_with_all_that_it_needs_passes(weights, capsys):
    assert refused(capsys) == ""


def test_a_window_longer_than_the_model_reads(weights, capsys):
    said = refused(capsys, length=65)
    assert "mine.yaml: models.S: training.sequence_length: 65" in said and "max_position_embeddings, 64" in said


def test_a_path_that_is_no_folder(weights, capsys):
    assert "models.S.path: ./nowhere is no folder" in refused(capsys, path="./nowhere")


def test_weights_that_are_pickles(weights, capsys):
    (weights / "model.safetensors").rename(weights / "pytorch_model.bin")
    assert "holds no *.safetensors" in refused(capsys)


def test_a_model_that_brings_code(weights, capsys):
    (weights / "config.json").write_text(json.dumps({"model_type": "llama", "auto_map": {"AutoModel": "mine.Model"}}))
    assert "brings code of its own" in refused(capsys)


def test_a_tokenizer_without_a_chat_template(weights, capsys):
    (weights / "tokenizer_config.json").write_text("{}")
    assert "the tokenizer of weights has no chat template; name a Jinja file" in refused(capsys)


@pytest.mark.parametrize("place", ["own", "beside", "named"])
def test_a_template_that_does_not_mark_the_assistant(weights, capsys, place):
    if place == "own":
        (weights / "tokenizer_config.json").write_text(json.dumps({"chat_template": PLAIN}))
    if place == "beside":
        (weights / "chat_template.jinja").write_text(PLAIN)
    named = {}
    if place == "named":
        Path("mine.jinja").write_text(PLAIN)
        named = {"chat_template": "mine.jinja"}
    assert "does not mark the assistant's turns by {% generation %}" in refused(capsys, **named)


def test_a_template_that_is_not_there(weights, capsys):
    assert "tokenizer.chat_template: gone.jinja: no such file" in refused(capsys, chat_template="gone.jinja")


def test_a_model_on_the_hub_that_was_not_fetched_is_named_with_the_command(weights, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    said = refused(capsys, path="somebody/model")
    assert (
        "mine.yaml: not on this machine yet: models somebody/model; run `snakemake --cores 1 prefetch --configfile mine.yaml`"
        in said
    )
