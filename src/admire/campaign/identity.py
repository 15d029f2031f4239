"""How what lies under a path enters digests: by its content, or by the path where that had entered before.

Version 0.1.0 took a path for whatever it held. Tokenizers and weights that sources and trials of that time were made with keep
the path as their identity as long as the content is the same, so that what was prepared, trained and scored stays valid. What such
a path holds is written down once (`contents.json`), when the first run by a later version starts; until then it is what the path
holds now.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from admire.campaign import contents
from admire.campaign.layout import Layout

Contents = dict[str, str | None]  # path -> sha256, None where nothing is
CHANGED = "changed before it was written down"  # instead of a sha256: no content is this one

KINDS: dict[str, Callable[[str, Path], str | None]] = {
    "tokenizers": contents.tokenizer,
    "tokenizers without template": functools.partial(contents.tokenizer, own_template=False),
    "weights": contents.weights,
}


def tokenizer_identity(path: str, results: Layout, own_template: bool) -> dict[str, str]:
    """What a tokenizer enters a source's recipe by: `{"sha256": ...}`, or `{"path": path}`.

    Args:
        own_template: see `contents.tokenizer`.
    """
    return _identity(path, results, "tokenizers" if own_template else "tokenizers without template")


def weights_identity(path: str, results: Layout) -> dict[str, str]:
    """What weights enter a trial's digest by: `{"sha256": ...}`, or `{"path": path}`."""
    return _identity(path, results, "weights")


def earlier(results: Layout, kind: str) -> Contents:
    """What paths held whose name was an identity before, for one of `KINDS`."""
    try:
        modified = results.contents.stat().st_mtime_ns
    except FileNotFoundError:
        return _found(results.root.absolute(), kind)
    return _written(results.contents.absolute(), modified).get(kind, {})


def to_write_down(results: Layout) -> dict[str, Contents]:
    """What `contents.json` is to hold: what it holds, and what was missing and is there now."""
    known = {kind: earlier(results, kind) for kind in KINDS}
    return {
        kind: {path: held or KINDS[kind](path, results.hashes) for path, held in paths.items()}
        for kind, paths in known.items()
    }


def _identity(path: str, results: Layout, kind: str) -> dict[str, str]:
    content = KINDS[kind](path, results.hashes)
    before = earlier(results, kind)
    if content is None or (path in before and before[path] in (None, content)):
        return {"path": path}
    return {"sha256": content}


@functools.lru_cache(maxsize=8)
def _written(path: Path, _modified: int) -> dict[str, Contents]:
    return json.loads(path.read_text(encoding="utf-8"))


@functools.cache
def _found(root: Path, kind: str) -> Contents:
    """Look through what was prepared and tried for paths that stand for their content; nothing new adds to them."""
    if kind == "weights":
        specs = map(_read, sorted(root.glob("trials/*/*/spec.json")))
        paths = _paths(spec["decides"]["model"] for spec in specs)
    else:
        cards = map(_read, sorted(root.glob("sources/*/*/card.json")))
        paths = _paths(card["recipe"]["tokenizer"] for card in cards if "recipe" in card)
    return {path: KINDS[kind](path, Layout(root).hashes) for path in paths}


def _paths(identities: Iterable[Any]) -> list[str]:
    return sorted({one["path"] for one in identities if isinstance(one.get("path"), str)})


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
