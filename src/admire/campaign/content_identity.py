"""The identity of tokenizers and weights in digests: their content, or their path if it is the identity in earlier results.

Version 0.1.0 identified files by their path alone. Tokenizers and weights of sources and trials from that version keep the path as
their identity as long as their content is unchanged, so that those sources, trials and scores stay valid. The content of each such
path is recorded once, in `contents.json`, when a later version runs for the first time; until then it is the current content.

Later versions identified a tokenizer by its own files, without the other files that decide how it is loaded (`loaded_by`). Sources
from those versions keep their identity in the same way: the value of `loaded_by` is recorded when a campaign with such a tokenizer
starts.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from admire.campaign import contents
from admire.campaign.layout import Layout
from admire.campaign.loaded_by import PLAIN, loaded_by

Contents = dict[str, str | None]  # path -> sha256; None if nothing is there
# This key stands beside those of `KINDS`. It maps a tokenizer's identity to its `loaded_by`, or to None if that is not known yet.
LOADING = "how tokenizers are loaded"
# This value is recorded for content that changed before its sha256 was recorded; it equals no sha256.
CHANGED = "changed before it was written down"

KINDS: dict[str, Callable[[str, Path], str | None]] = {
    "tokenizers": contents.tokenizer,
    "tokenizers without template": functools.partial(contents.tokenizer, own_template=False),
    "weights": contents.weights,
}


def tokenizer_identity(path: str, results: Layout, own_template: bool) -> dict[str, str]:
    """The identity of a tokenizer in a source's recipe: `{"sha256": ...}`, or `{"path": path}`.

    The sha256 comes with `loaded_by` if other files than the tokenizer's own decide how it is loaded.

    Args:
        own_template: see `contents.tokenizer`.
    """
    kind = "tokenizers" if own_template else "tokenizers without template"
    files, now, known = _identity(path, results, kind), loaded_by(path, results.hashes), earlier(results, LOADING)
    key = next(iter(files.values()))
    if known[key] in (None, now) if key in known else now == PLAIN:
        return files
    content = KINDS[kind](path, results.hashes)
    return {"sha256": content, "loaded_by": now} if content is not None else files


def weights_identity(path: str, results: Layout) -> dict[str, str]:
    """The identity of weights in a trial's digest: `{"sha256": ...}`, or `{"path": path}`."""
    return _identity(path, results, "weights")


def earlier(results: Layout, kind: str) -> Contents:
    """The recorded content of paths that are an identity in earlier results, for a kind in `KINDS`; or the values of `LOADING`."""
    try:
        modified = results.contents.stat().st_mtime_ns
    except FileNotFoundError:
        return _found(results.root.absolute(), kind)
    written = _written(results.contents.absolute(), modified)
    if kind == LOADING and kind not in written:  # The file was written by a version that did not record this.
        return _found(results.root.absolute(), kind)
    return written.get(kind, {})


def to_write_down(results: Layout, tokenizer: str | None) -> dict[str, Contents]:
    """The new content of `contents.json`: its present content, and the values that it lacks and that can be determined now.

    Args:
        tokenizer: path of the tokenizer of the campaign that starts; None if it trains one.
    """
    known = {kind: earlier(results, kind) for kind in KINDS}
    held = {
        kind: {path: held or KINDS[kind](path, results.hashes) for path, held in paths.items()}
        for kind, paths in known.items()
    }
    loading: Contents = {key: loaded_by(str(tokenizer), results.hashes) for key in unknown_loading(results, tokenizer)}
    return held | {LOADING: earlier(results, LOADING) | loading}


def unknown_loading(results: Layout, tokenizer: str | None) -> list[str]:
    """The identities of a tokenizer, with and without its own template, for which `LOADING` has no value yet."""
    if tokenizer is None or contents.located(tokenizer) is None:
        return []
    kinds = ("tokenizers", "tokenizers without template")
    mine = {next(iter(_identity(tokenizer, results, kind).values())) for kind in kinds}
    return [key for key, known in earlier(results, LOADING).items() if known is None and key in mine]


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
    """Search prepared sources and trials for paths that are an identity. The result can be cached, since no new ones are made."""
    if kind == "weights":
        specs = map(_read, sorted(root.glob("trials/*/*/spec.json")))
        paths = _paths(spec["decides"]["model"] for spec in specs)
    else:
        cards = map(_read, sorted(root.glob("sources/*/*/card.json")))
        known = [card["recipe"]["tokenizer"] for card in cards if "recipe" in card]
        if kind == LOADING:
            keys = (one.get("path", one.get("sha256")) for one in known if "loaded_by" not in one)
            return dict.fromkeys(key for key in keys if isinstance(key, str))
        paths = _paths(known)
    return {path: KINDS[kind](path, Layout(root).hashes) for path in paths}


def _paths(identities: Iterable[Any]) -> list[str]:
    return sorted({one["path"] for one in identities if isinstance(one.get("path"), str)})


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
