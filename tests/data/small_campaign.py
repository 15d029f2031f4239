"""A small campaign over files, and texts and conversations to put into them."""

import json
from pathlib import Path

from admire.campaign.loading import parse

CHAT = str(Path(__file__).parents[2] / "config" / "chat.jinja")


def campaign(results, sources, **changes):
    """A pre-training campaign with tiny windows; `changes` replace whole keys of the YAML."""
    kind = changes.pop("kind", "pretrain")
    start = {"architecture": {"model_type": "llama"}} if kind == "pretrain" else {"path": "somewhere"}
    raw = {
        "name": "test",
        "results": str(results),
        "sources": sources,
        "tokenizer": {"vocabulary": 400, "documents_per_source": 50},
        "held_out": {"validation": 0.2, "test": 0.2, "max_rows": 8},
        "mixture": {"rows": 40, "max_epochs": 2},
        "models": [{"name": "S", "cost": 1, "target": True, **start}],
        "training": {"kind": kind, "sequence_length": 16, "batch_size": 4, "learning_rate": 1e-3},
        "evaluation": {"loss": {"kind": "domain-loss"}},
        "objective": {"loss/" + next(iter(sources)): -1},
        "budget": {"total": 10},
    }
    return parse(raw | changes, "test.yaml")


def texts(n=60):
    """Different documents with letters of one to four bytes."""
    return [f"Document {i}: größer, 数 {i * i}, 🦊 {'x' * (i % 7)} und so weiter bis {i}." for i in range(n)]


def talks(n=60):
    """Different conversations of one question and one answer."""
    return [
        [
            {"role": "user", "content": f"What is {i} + 1?"},
            {"role": "assistant", "content": f"It is {i + 1}, grüß Gott."},
        ]
        for i in range(n)
    ]


def write_jsonl(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)
