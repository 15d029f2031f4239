"""The smallest trials that can be trained: sources of random rows, a byte-level tokenizer, a Llama with a few thousand weights."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from admire.campaign.layout import Layout, TrialLayout
from admire.data.mixing import build_data
from admire.data.tokenizers import tokenizer_sha256
from admire.trials.atomic_files import write_json
from admire.trials.identity import DRO, Spec

LENGTH = 16
ROWS = 400  # of a trial; a source has 400 too
HELD_OUT = 20  # rows of a source's validation split; that they are trained on too does not matter here
ARCHITECTURE = {
    "model_type": "llama",
    "hidden_size": 16,
    "intermediate_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": LENGTH,
    "tie_word_embeddings": True,
}
TRAINING = {
    "kind": "pretrain",
    "sequence_length": LENGTH,
    "batch_size": 8,
    "learning_rate": 1e-2,
    "schedule": "cosine",
    "warmup_share": 0.1,
    "weight_decay": 0.1,
    "adam_beta2": 0.95,
    "max_grad_norm": 1.0,
    "epochs": 1,
    "dtype": "float32",
    "diverged_above": 20.0,
    "seed": 0,
}


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def results(tmp_path: Path) -> Layout:
    """A results folder with a tokenizer and two sources of two kinds."""
    layout = Layout(tmp_path / "results")
    bpe = Tokenizer(
        models.BPE(vocab={char: i for i, char in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}, merges=[])
    )
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|endoftext|>", pad_token="<|endoftext|>")
    tokenizer.save_pretrained(layout.tokenizer("t"))
    rng = np.random.default_rng(0)
    for name, low in (("low", 0), ("high", 128)):
        rows = {"input_ids": rng.integers(low, low + 64, (ROWS, LENGTH)), "bytes": np.full(ROWS, LENGTH)}
        _write_source(layout, "pretrain", name, rows)
        lengths = rng.integers(6, LENGTH + 1, 300)
        conversations = {
            "input_ids": [list(rng.integers(low, low + 64, length)) for length in lengths],
            "assistant_masks": [[0] * 4 + [1] * (length - 4) for length in lengths],
            "bytes": lengths,
        }
        _write_source(layout, "sft", name, conversations)
    return layout


def _write_source(layout: Layout, kind: str, name: str, rows: dict[str, Any]) -> None:
    folder = layout.source(name, kind)
    all_rows = datasets.Dataset.from_dict(rows)
    all_rows.save_to_disk(folder / "train")
    all_rows.select(range(HELD_OUT)).save_to_disk(folder / "validation")
    card = {"rows": len(rows["bytes"]), "tokens": int(np.sum(rows["bytes"])), "sha256": _sha256(kind, name)}
    write_json(folder / "card.json", {"splits": {"train": card}})


def _sha256(kind: str, name: str) -> str:
    return hashlib.sha256(f"{kind} {name}".encode()).hexdigest()


@pytest.fixture
def make_trial(results: Layout) -> Callable[..., TrialLayout]:
    """Makes a trial: keyword arguments replace keys of its training; the others say where its weights come from, how many of
    its rows are of the source `low`, and which trial a proxy of DoReMi is trained against."""

    def make(
        architecture: dict[str, Any] | None = None,
        path: Path | None = None,
        base: TrialLayout | None = None,
        low: int = 250,
        reference: TrialLayout | None = None,
        **training: Any,
    ) -> TrialLayout:
        model: dict[str, Any] = {"architecture": ARCHITECTURE | (architecture or {})}
        if path is not None or base is not None:
            model = {"path": str(path)} if path else {"base": base.folder.name}
        kind = training.get("kind", "pretrain")
        sources = [{"sha256": _sha256(kind, name), "rows": rows} for name, rows in (("low", low), ("high", ROWS - low))]
        decides = {
            "recipe": 1,
            "model": model,
            "tokenizer": tokenizer_sha256(PreTrainedTokenizerFast.from_pretrained(results.tokenizer("t"))),
            "sources": sorted(sources, key=lambda source: source["sha256"]),
            "training": TRAINING | training,
            "replicate": 0,
            "threads": 1,
        }
        labels: dict[str, Any] = {
            "model": "XS",
            "campaign": "tiny",
            "tokenizer": {"folder": "tokenizers/t"},
            "chat_template": None,
        }
        labels["sources"] = {
            _sha256(kind, name): {"name": name, "folder": f"sources/{name}/{kind}"} for name in ("low", "high")
        }
        if reference is not None:
            decides["dro"] = {"reference": reference.folder.name, **DRO}
            labels["reference"] = str(reference.folder.relative_to(results.root))
        if base is not None:
            labels["base"] = str(base.folder.relative_to(results.root))
        spec = Spec(decides, labels)
        trial = results.trial(spec.model, spec.digest)
        write_json(trial.spec, spec.as_dict())
        build_data(trial)
        return trial

    return make
