"""What lies under a path of the YAML, known by its content: weights, tokenizers and single files, wherever they lie.

A large file is hashed once. What its sha256 was is kept in the results folder and holds as long as size, times and inode are the
same: a copy over the file, a touch or another node's own copy is hashed again, and nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from admire.campaign.json_hash import canonical
from admire.errors import ConfigError

WEIGHTS = (
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "*.safetensors",
    "*.safetensors.index.json",
)
TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "*.model",
    "*.tiktoken",
)
TEMPLATES = ("chat_template.jinja", "chat_template.json", "additional_chat_templates/*.jinja")
SETTINGS = {
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
}
# keys of settings that say who wrote them where, and nothing of what they hold
SIGNATURES = {"transformers_version", "_name_or_path", "name_or_path", "local_files_only", "is_local"}

SMALL = 1 << 20  # bytes of a file that is hashed in no time
LARGE = 4 << 30  # bytes of a file that takes so long that it is said


def weights(path: str, hashes: Path) -> str | None:
    """The sha256 of the weights at a path, and of what says how they are read; None when there are none.

    Args:
        path: a folder or a name on the hub.
        hashes: the folder in which sha256 of large files are kept.

    Raises:
        ConfigError: if a file cannot be read.
    """
    folder = located(path)
    files = matching(folder, WEIGHTS) if folder else {}
    if not any(name.endswith(".safetensors") for name in files):
        return None
    return _together({name: _of_setting(part, hashes) for name, part in files.items()})


def weights_elsewhere(path: str, hashes: Path) -> str | None:
    """The sha256 of weights that an index names beyond its folder, which are no part of `weights`; None when there are none.

    Args:
        hashes: the folder in which sha256 of large files are kept.

    Raises:
        ConfigError: if a file cannot be read.
    """
    folder = located(path)
    found: dict[str, str] = {}
    for index in matching(folder, ("*.safetensors.index.json",)).values() if folder else ():
        try:
            places = json.loads(_bytes(index)).get("weight_map")
            names = {str(name) for name in places.values()}
        except (ValueError, AttributeError, RecursionError):  # what it is then, whoever loads it says
            continue
        beyond = {name: index.parent / name for name in sorted(names) if Path(name).name != name}
        found |= {name: file(place, hashes) for name, place in beyond.items() if place.is_file()}
    return _together(found) if found else None


def tokenizer(path: str, hashes: Path, own_template: bool = True) -> str | None:
    """The sha256 of the tokenizer at a path, None when there is none.

    Args:
        path: a folder or a name on the hub.
        hashes: the folder in which sha256 of large files are kept.
        own_template: its chat template counts; False where another one is used instead.

    Raises:
        ConfigError: if a file cannot be read.
    """
    folder = located(path)
    files = matching(folder, TOKENIZER) if folder else {}
    if folder is None or not files:
        return None
    without: set[str] = set() if own_template else {"chat_template"}
    found = {name: _of_setting(part, hashes, without) for name, part in files.items()}
    if own_template:
        found |= {name: file(part, hashes) for name, part in matching(folder, TEMPLATES).items()}
    return _together(found)


def text_file(path: str) -> str | None:
    """The sha256 of a small file, None when there is none."""
    found = Path(path)
    return hashlib.sha256(_bytes(found)).hexdigest() if found.is_file() else None


def file(path: Path, hashes: Path) -> str:
    """The sha256 of a file's bytes, looked up where it was taken before.

    Args:
        hashes: the folder in which sha256 of large files are kept.

    Raises:
        ConfigError: if the file cannot be read.
    """
    try:
        stat = path.stat()
        if stat.st_size <= SMALL:
            return hashlib.sha256(path.read_bytes()).hexdigest()
        place = str(path.resolve())
        state = [place, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]
        known = hashes / f"{hashlib.sha256(canonical(state).encode()).hexdigest()[:16]}.json"
        with contextlib.suppress(OSError, ValueError, KeyError):
            return json.loads(known.read_text(encoding="utf-8"))["sha256"]
        if stat.st_size > LARGE:
            print(f"{path}: taking the sha256 of {stat.st_size / 1e9:.0f} GB, once", file=sys.stderr, flush=True)
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(f"{path}: this file cannot be read ({error.strerror}); make it readable") from None
    if hashes.parent.is_dir():
        with contextlib.suppress(OSError):  # who may not write here hashes again
            _keep(known, {"path": place, "sha256": found})
    return found


def located(path: str) -> Path | None:
    """The folder of a model or tokenizer: the path itself, or the snapshot of a name on the hub that is in its cache; else None."""
    if Path(path).exists() or path.startswith((".", "/", "~")) or path.count("/") > 1:
        return Path(path) if Path(path).is_dir() else None
    from huggingface_hub import constants

    root = Path(constants.HF_HUB_CACHE, f"models--{path.replace('/', '--')}")
    with contextlib.suppress(OSError):
        snapshot = root / "snapshots" / (root / "refs" / "main").read_text(encoding="utf-8").strip()
        return snapshot if snapshot.is_dir() else None
    return None


def matching(folder: Path, patterns: tuple[str, ...]) -> dict[str, Path]:
    """Name within the folder -> file, of the files that match; no hidden ones."""

    def files() -> Iterator[tuple[str, Path]]:
        for pattern in patterns:
            for path in folder.glob(pattern):
                if path.is_file() and not path.name.startswith("."):
                    yield str(path.relative_to(folder)), path

    return dict(sorted(files()))


def _together(found: dict[str, str]) -> str:
    return hashlib.sha256(canonical(found).encode()).hexdigest()


def _of_setting(path: Path, hashes: Path, without: Set[str] = frozenset()) -> str:
    """The sha256 of a file; of one that holds settings, that of what they say, without `without`."""
    if path.name not in SETTINGS:
        return file(path, hashes)
    raw = _bytes(path)
    try:
        content: Any = json.loads(raw)
        if isinstance(content, dict):
            content = {key: value for key, value in content.items() if key not in SIGNATURES | without}
        raw = canonical(content).encode()
    except ValueError:  # what it is then, whoever reads it says
        pass
    return hashlib.sha256(raw).hexdigest()


def _keep(path: Path, value: dict[str, str]) -> None:
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.uname().nodename}.{os.getpid()}")
    temporary.write_text(json.dumps(value), encoding="utf-8")
    temporary.replace(path)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: this file cannot be read ({error.strerror}); make it readable") from None
