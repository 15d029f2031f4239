"""Makes `results.tar.xz`: two small campaigns as a version of ADMIRE left them, without trained weights and logs.

    python tests/workflow/earlier/make.py CHECKOUT

where CHECKOUT is a clone of the version in question; run it in that version's environment.
"""

import json
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import yaml

ARCHIVE = Path(__file__).with_name("results.tar.xz")
WORDS = ["river", "stone", "lamp", "garden", "winter", "bread", "silver", "letter", "music", "cloud"]
END, TURNS = "<|endoftext|>", ["<|user|>", "<|assistant|>", "<|system|>", "<|end|>"]
LLAMA = {
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "tie_word_embeddings": True,
}


def write_documents(folder):
    """Texts and conversations, written out so that they depend on no generator's version."""
    for source, step in (("rivers", 1), ("lamps", 3)):
        texts = [
            " ".join(WORDS[(number * step + word * (word + number)) % 10] for word in range(24))
            for number in range(120)
        ]
        lines = "".join(json.dumps({"text": f"{source} {number}: {text}."}) + "\n" for number, text in enumerate(texts))
        (folder / f"{source}.jsonl").write_text(lines)
        chats = [
            [
                {"role": "user", "content": f"{number} {WORDS[number % 10]}?"},
                {"role": "assistant", "content": f"{number + step} {WORDS[number * step % 10]}"},
            ]
            for number in range(60)
        ]
        lines = "".join(json.dumps({"messages": turns}) + "\n" for turns in chats)
        (folder / f"{source}_chats.jsonl").write_text(lines)


def write_model(folder):
    """A ready model with its tokenizer, and a task."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast, set_seed

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=[END, *TURNS], initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator([" ".join(WORDS)], trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END, pad_token=END)
    tokenizer.save_pretrained(folder / "model")
    set_seed(0)
    config = LlamaConfig(vocab_size=len(tokenizer), hidden_size=8, intermediate_size=16, eos_token_id=0, **LLAMA)
    LlamaForCausalLM(config).save_pretrained(folder / "model")
    (folder / "tasks").mkdir()
    items = [{"question": f"{word}?", "choices": WORDS[:4], "answer": place % 4} for place, word in enumerate(WORDS)]
    (folder / "tasks/words.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    task = {
        "task": "words",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": "tasks/words.jsonl"}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}",
        "doc_to_choice": "choices",
        "doc_to_target": "answer",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    }
    (folder / "tasks/words.yaml").write_text(yaml.safe_dump(task, sort_keys=False))


def write_campaigns(folder, checkout):
    shutil.copyfile(checkout / "config/chat.jinja", folder / "chat.jinja")
    asks = {"threads": 1, "minutes": 5, "mem_gb": 1}
    sizes = {"S": (0.1, 8), "L": (0.2, 16)}
    texts = {
        "name": "texts",
        "sources": {name: {"files": f"{name}.jsonl"} for name in ("rivers", "lamps")},
        "tokenizer": {"vocabulary": 300},
        "held_out": {"validation": 0.1, "test": 0.1, "max_rows": 8},
        "mixture": {"rows": 64, "max_epochs": 2},
        "models": [
            {
                "name": name,
                "cost": cost,
                "target": name == "L",
                "architecture": {"model_type": "llama", "hidden_size": size, "intermediate_size": 2 * size, **LLAMA},
                "resources": asks,
            }
            for name, (cost, size) in sizes.items()
        ],
        "training": {"sequence_length": 32, "batch_size": 8, "learning_rate": 0.01},
        "evaluation": {"loss": {"kind": "domain-loss", "batch_size": 8}},
        "objective": {"loss/rivers": -1},
        "optimizer": {"initial": 3},
        "budget": {"total": 0.61, "unit": "CPU-minutes"},
    }
    chats = {
        "name": "chats",
        "sources": {name: {"files": f"{name}_chats.jsonl", "column": "messages"} for name in ("rivers", "lamps")},
        "tokenizer": {"chat_template": "chat.jinja"},
        "held_out": {"validation": 0.1, "test": 0.1, "max_rows": 8},
        "mixture": {"rows": 32, "max_epochs": 2},
        "models": [{"name": "M", "cost": 0.2, "target": True, "path": "model", "resources": asks}],
        "training": {"kind": "sft", "sequence_length": 64, "batch_size": 8, "learning_rate": 0.01},
        "evaluation": {
            "loss": {"kind": "domain-loss", "batch_size": 8},
            "skills": {"kind": "lm-eval", "include_path": "tasks", "tasks": {"words": "acc"}},
        },
        "objective": {"loss/rivers": -1, "skills/words": 0.1},
        "optimizer": {"initial": 2},
        "budget": {"total": 0.61, "unit": "CPU-minutes"},
    }
    for campaign in (texts, chats):
        (folder / f"{campaign['name']}.yaml").write_text(yaml.safe_dump(campaign, sort_keys=False))


def run(folder, checkout):
    environment = os.environ | {"PYTHONPATH": str(checkout / "src"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    for name in ("texts", "chats"):
        command = [sys.executable, "-m", "snakemake", "-s", str(checkout / "Snakefile"), "--cores", "2"]
        command += ["--workflow-profile", str(checkout / "profiles/default"), "--configfile", f"{name}.yaml"]
        subprocess.run(command, cwd=folder, env=environment, check=True)


def strip(folder):
    """Leave what a continued campaign reads: no trained weights, no logs, no name of the machine."""
    shutil.rmtree(folder / ".snakemake", ignore_errors=True)
    results = folder / "results"
    for pattern in ("trials/*/*/share_1/model", "**/logs", "**/*.lease*", "**/lease.json*", "**/running.json*"):
        for path in list(results.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in list(results.glob("campaigns/*/figures/*.png")):
        path.unlink()
    drawn = [
        *results.glob("campaigns/*/figures/*.svg"),
        *results.glob("campaigns/*/report.html"),
    ]  # made again from the rest
    rewrite(drawn, lambda text: "")
    host = os.uname().nodename
    told = [path for path in results.rglob("*") if path.suffix in (".json", ".jsonl", ".csv")]
    rewrite(told, lambda text: text.replace(f'"{host}"', '"laptop"').replace(f",{host},", ",laptop,"))


def rewrite(paths, change):
    for path in paths:
        text, times = path.read_text(), path.stat()
        if change(text) != text:
            path.write_text(change(text))
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def pack(folder):
    """In the order of names, with times (Snakemake looks at them) and without owners."""

    def nobody(info):
        info.uid = info.gid = 0
        info.uname = info.gname = ""
        return info

    with lzma.open(ARCHIVE, "wb", preset=9) as stream, tarfile.open(fileobj=stream, mode="w") as archive:
        for path in sorted(folder.rglob("*")):
            archive.add(path, path.relative_to(folder), recursive=False, filter=nobody)


def main():
    checkout = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_documents(folder)
        write_model(folder)
        write_campaigns(folder, checkout)
        run(folder, checkout)
        strip(folder)
        pack(folder)
    print(f"{ARCHIVE}: {ARCHIVE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
