"""A campaign of two sources and one size, as YAML would say it, and the cards of its sources."""

from __future__ import annotations

from typing import Any

RAW: dict[str, Any] = {
    "name": "tiny",
    "sources": {"docs": {"corpus": "docs"}, "code": {"corpus": "stdlib-code"}},
    "tokenizer": {"vocabulary": 512},
    "mixture": {"rows": 100},
    "models": [{"name": "S", "cost": 1, "target": True, "architecture": {"model_type": "llama"}}],
    "training": {"sequence_length": 32, "batch_size": 4, "learning_rate": 1e-3},
    "evaluation": {"loss": {"kind": "domain-loss"}},
    "objective": {"loss/docs": -1},
    "budget": {"total": 20},
}
CARDS = {
    name: {"tokenizer_sha256": "f" * 64, "splits": {"train": {"sha256": letter * 64, "rows": 500}}}
    for name, letter in (("docs", "c"), ("code", "a"))
}
