"""A tiny random model with a byte tokenizer, and a campaign whose trials it is the model of."""

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")

from pathlib import Path

import pytest

from admire.campaign.layout import Layout
from admire.campaign.loading import parse
from admire.trials.atomic_files import write_json
from admire.trials.identity import make_spec
from admire.trials.records import TrainRecord, publish

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory):
    """Folder of a Llama of 2 layers with random weights; context of 512 bytes."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    rules = Tokenizer(models.BPE({symbol: number for number, symbol in enumerate(["<|end|>", *alphabet])}, []))
    rules.pre_tokenizer, rules.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=rules, eos_token="<|end|>", pad_token="<|end|>")
    tokenizer.chat_template = (CONFIG / "chat.jinja").read_text()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(alphabet) + 1,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=512,
        eos_token_id=0,
        initializer_range=0.5,
    )
    folder = tmp_path_factory.mktemp("model")
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def make_campaign(tmp_path):
    """A campaign of two sources with the given suites."""

    def make(evaluation, metric):
        return parse(
            {
                "name": "tiny",
                "results": str(tmp_path / "results"),
                "sources": {"a": {"corpus": "arithmetic"}, "b": {"corpus": "stories"}},
                "tokenizer": {"vocabulary": 300},
                "mixture": {"rows": 8},
                "models": [{"name": "S", "cost": 1, "target": True, "architecture": {"model_type": "llama"}}],
                "training": {"sequence_length": 16, "batch_size": 4, "learning_rate": 0.001},
                "evaluation": evaluation,
                "objective": {metric: -1 if evaluation[metric.split("/")[0]]["kind"] == "domain-loss" else 1},
                "budget": {"total": 10},
            },
            "tiny.yaml",
        )

    return make


@pytest.fixture
def make_trial():
    """A trial of a campaign with its spec and, unless `record` is empty, its training's record; no weights."""

    def make(campaign, **record):
        cards = {
            name: {"tokenizer_sha256": "0" * 16, "splits": {"train": {"rows": 100, "sha256": name * 16}}}
            for name in campaign.sources
        }
        spec = make_spec(campaign, cards, campaign.target, [0.5, 0.5])
        files = Layout(Path(campaign.results)).trial(spec.model, spec.digest)
        write_json(files.spec, spec.as_dict())
        if record:
            publish(files.train(), TrainRecord(digest=spec.digest, **record))
        return files

    return make
