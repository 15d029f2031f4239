"""A campaign whose every path holds what a shell, a glob or a format string would take for something else."""

import json
import os
import shutil
from pathlib import Path

import pytest
import yaml
from campaign_folder import ROOT, CampaignFolder

pytestmark = pytest.mark.loop

# Snakemake takes braces in a path of results for a wildcard: refused there, and used everywhere else
ODD = """o'd "d" $HOME; `touch ran` & (ü) [x] #"""
ODDER = ODD + " {b}"


def model(folder, tokenizer):
    """A Llama with a few hundred parameters, and its tokenizer."""
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

    set_seed(0)
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|end|>", pad_token="<|end|>")
    made.save_pretrained(folder)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(made), max_position_embeddings=64, **sizes)).save_pretrained(folder)


def bytes_tokenizer():
    """A token for each byte, and those of the shipped template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer, made.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    special = ["<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=special, initial_alphabet=alphabet)
    made.train_from_iterator(["river stone lamp garden"], trainer)
    return made


def conversations(path, word):
    user, assistant = {"role": "user"}, {"role": "assistant"}
    turns = [[user | {"content": f"{word} {i}?"}, assistant | {"content": f"{i + 1} {word}"}] for i in range(60)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"messages": one}) + "\n" for one in turns), encoding="utf-8")


@pytest.fixture(scope="module")
def odd(tmp_path_factory, subcommands):
    bench = CampaignFolder(tmp_path_factory.mktemp("odd") / ODD, subcommands)
    bench.folder.mkdir()
    here = bench.folder / ODDER
    for word in ("river", "stone"):
        conversations(here / f"{word}.jsonl", word)
    model(here / "model", bytes_tokenizer())
    shutil.copytree(ROOT / "config/tasks", here / "tasks")
    shutil.copy(ROOT / "config/chat.jinja", here / "chat.jinja")
    escaped = ODDER.replace("[", "[[]")  # a pattern of files
    campaign = {
        "name": "odd",
        "results": f"{ODD}/results",
        "sources": {word: {"files": f"{escaped}/{word}.jsonl", "column": "messages"} for word in ("river", "stone")},
        "tokenizer": {"path": f"{ODDER}/model", "chat_template": f"{ODDER}/chat.jinja"},
        "held_out": {"validation": 0.1, "test": 0.1, "max_rows": 8},
        "mixture": {"rows": 16, "max_epochs": 2},
        "models": [{"name": "L", "cost": 0.2, "target": True, "path": f"{ODDER}/model", "resources": {"mem_gb": 1}}],
        "training": {"kind": "sft", "sequence_length": 64, "batch_size": 8, "learning_rate": 0.01},
        "validation": {"times": 1},
        "evaluation": {
            "loss": {"kind": "domain-loss"},
            "skills": {"kind": "lm-eval", "include_path": f"{ODDER}/tasks", "limit": 2, "tasks": {"facts": "acc"}},
        },
        "objective": {"loss/river": -1},
        "optimizer": {"initial": 1},
        "budget": {"total": 0.4, "unit": "CPU-minutes"},
        "benchmark": {"methods": [], "replicates": 1, "mixtures": ["uniform"]},
    }
    path = bench.folder / f"{ODDER}.yaml"
    path.write_text(yaml.safe_dump(campaign, sort_keys=False, allow_unicode=True), encoding="utf-8")
    bench.before = sorted(os.listdir(bench.folder))
    bench.output = bench.snakemake(configs=(path,)) + bench.snakemake("benchmark", configs=(path,))
    bench.path = path
    return bench


def test_it_runs_to_its_end(odd):
    files = odd.folder / ODD / "results/campaigns/odd"
    assert (files / "report.html").is_file() and (files / "recommendation.yaml").is_file()
    rows = (files / "results.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 3 and all(",done," in row for row in rows[1:])


def test_nothing_appears_beside_it_and_nothing_is_run(odd):
    made = set(os.listdir(odd.folder)) - set(odd.before)
    assert made <= {ODD, ".snakemake", "logs"}, made
    assert not list(odd.folder.rglob("ran")) and not Path("ran").exists()


def test_the_verbs_find_it(odd):
    odd.admire("status", odd.path)
    odd.admire("plan", odd.path)
    odd.admire("report", odd.path)
    odd.admire("export", odd.path, "--out", f"{ODDER}.csv")
