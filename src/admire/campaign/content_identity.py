"""How what lies under a path enters digests: by its content, or by the path where that had entered before.

Version 0.1.0 took a path for whatever it held. Tokenizers and weights that sources and trials of that time were made with keep
the path as their identity as long as the content is the same, so that what was prepared, trained and scored stays valid. What such
a path holds is written down once (`contents.json`), when the first run by a later version starts; until then it is what the path
holds now.

Later versions took a tokenizer for its own files, whatever decides beside them how it is loaded (`loaded_by`). Sources of that time
keep their identity in the same way: what that was is written down when a campaign with such a tokenizer starts.
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

Contents = dict[str, str | None]  # path -> sha256, None where nothing is
LOADING = (
    "how tokenizers are loaded"  # beside `KINDS`: a tokenizer's identity -> `loaded_by`, None where it is not known yet
)
CHANGED = "changed before it was written down"  # instead of a sha256: no content is this one

KINDS: dict[str, Callable[[str, Path], str | None]] = {
    "tokenizers": contents.tokenizer,
    "tokenizers without template": functools.partial(contents.tokenizer, own_template=False),
    "weights": contents.weights,
}


def tokenizer_identity(path: str, results: Layout, own_template: bool) -> dict[str, str]:
    """What a tokenizer enters a source's recipe by: `{"sha256": ...}`, with `loaded_by` where more than its own files decides, or
    `{"path": path}`.

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
    """What weights enter a trial's digest by: `{"sha256": ...}`, or `{"path": path}`."""
    return _identity(path, results, "weights")


def earlier(results: Layout, kind: str) -> Contents:
    """What paths held whose name was an identity before, for one of `KINDS`; for `LOADING` see there."""
    try:
        modified = results.contents.stat().st_mtime_ns
    except FileNotFoundError:
        return _found(results.root.absolute(), kind)
    written = _written(results.contents.absolute(), modified)
    if kind == LOADING and kind not in written:  # a file that was written before this kind was known
        return _found(results.root.absolute(), kind)
    return written.get(kind, {})


def to_write_down(results: Layout, tokenizer: str | None) -> dict[str, Contents]:
    """What `contents.json` is to hold: what it holds, and what was missing and is there now.

    Args:
        tokenizer: where the tokenizer of the campaign that starts lies.
    """
    known = {kind: earlier(results, kind) for kind in KINDS}
    held = {
        kind: {path: held or KINDS[kind](path, results.hashes) for path, held in paths.items()}
        for kind, paths in known.items()
    }
    loading: Contents = {key: loaded_by(str(tokenizer), results.hashes) for key in unknown_loading(results, tokenizer)}
    return held | {LOADING: earlier(results, LOADING) | loading}


def unknown_loading(results: Layout, tokenizer: str | None) -> list[str]:
    """The identities of a tokenizer, with its own template and without, of which it is not written down how it was loaded."""
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
    """Look through what was prepared and tried for paths that stand for their content; nothing new adds to them."""
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
