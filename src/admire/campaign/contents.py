"""The sha256 of weights, tokenizers and single files to which paths in the YAML lead.

A large file is hashed once. Its sha256 is cached in the results folder, and is valid as long as the file's path, size, times and
inode are the same. The file is hashed again only if it is overwritten or touched, or if another node has a copy of its own.
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
# These keys of settings record which program wrote a file and where, which says nothing about the content.
SIGNATURES = {"transformers_version", "_name_or_path", "name_or_path", "local_files_only", "is_local"}

SMALL = 1 << 20  # A file of at most this many bytes is hashed so quickly that its sha256 is not cached.
LARGE = 4 << 30  # Hashing a file of more bytes takes so long that a message announces it.


def weights(path: str, hashes: Path) -> str | None:
    """One sha256 of the weights at a path and of the configuration by which they are loaded; None if there are no weights.

    Args:
        path: a folder or a name on the hub.
        hashes: the folder in which the sha256 of large files are cached.

    Raises:
        ConfigError: if a file cannot be read.
    """
    folder = located(path)
    files = matching(folder, WEIGHTS) if folder else {}
    if not any(name.endswith(".safetensors") for name in files):
        return None
    return _together({name: _of_setting(part, hashes) for name, part in files.items()})


def weights_elsewhere(path: str, hashes: Path) -> str | None:
    """One sha256 of the weights outside the folder that its index names, which `weights` does not cover; None if there are none.

    Args:
        hashes: the folder in which the sha256 of large files are cached.

    Raises:
        ConfigError: if a file cannot be read.
    """
    folder = located(path)
    found: dict[str, str] = {}
    for index in matching(folder, ("*.safetensors.index.json",)).values() if folder else ():
        try:
            places = json.loads(_bytes(index)).get("weight_map")
            names = {str(name) for name in places.values()}
        except (ValueError, AttributeError, RecursionError):  # The code that loads the weights reports a broken index.
            continue
        beyond = {name: index.parent / name for name in sorted(names) if Path(name).name != name}
        found |= {name: file(place, hashes) for name, place in beyond.items() if place.is_file()}
    return _together(found) if found else None


def tokenizer(path: str, hashes: Path, own_template: bool = True) -> str | None:
    """One sha256 of the tokenizer at a path; None if there is none.

    Args:
        path: a folder or a name on the hub.
        hashes: the folder in which the sha256 of large files are cached.
        own_template: whether its chat template counts; pass False if another template is used instead.

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
    """The sha256 of a small file; None if there is no such file."""
    found = Path(path)
    return hashlib.sha256(_bytes(found)).hexdigest() if found.is_file() else None


def file(path: Path, hashes: Path) -> str:
    """The sha256 of a file's bytes, from the cache if it was computed before.

    Args:
        hashes: the folder in which the sha256 of large files are cached.

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
        with contextlib.suppress(OSError):  # A user who may not write to the cache hashes again next time.
            _keep(known, {"path": place, "sha256": found})
    return found


def located(path: str) -> Path | None:
    """The folder of a model or tokenizer: the path itself, or the snapshot in the hub's cache for a name on the hub; else None."""
    if Path(path).exists() or path.startswith((".", "/", "~")) or path.count("/") > 1:
        return Path(path) if Path(path).is_dir() else None
    from huggingface_hub import constants

    root = Path(constants.HF_HUB_CACHE, f"models--{path.replace('/', '--')}")
    with contextlib.suppress(OSError):
        snapshot = root / "snapshots" / (root / "refs" / "main").read_text(encoding="utf-8").strip()
        return snapshot if snapshot.is_dir() else None
    return None


def matching(folder: Path, patterns: tuple[str, ...]) -> dict[str, Path]:
    """Relative path -> path, of the files in a folder that match one of the patterns; hidden files are left out."""

    def files() -> Iterator[tuple[str, Path]]:
        for pattern in patterns:
            for path in folder.glob(pattern):
                if path.is_file() and not path.name.startswith("."):
                    yield str(path.relative_to(folder)), path

    return dict(sorted(files()))


def _together(found: dict[str, str]) -> str:
    return hashlib.sha256(canonical(found).encode()).hexdigest()


def _of_setting(path: Path, hashes: Path, without: Set[str] = frozenset()) -> str:
    """The sha256 of a file, or, for a file of settings, of its content without `SIGNATURES` and the keys in `without`."""
    if path.name not in SETTINGS:
        return file(path, hashes)
    raw = _bytes(path)
    try:
        content: Any = json.loads(raw)
        if isinstance(content, dict):
            content = {key: value for key, value in content.items() if key not in SIGNATURES | without}
        raw = canonical(content).encode()
    except ValueError:  # The code that reads the settings reports that they are not JSON.
        pass
    return hashlib.sha256(raw).hexdigest()


def _keep(path: Path, value: dict[str, str]) -> None:
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.uname().nodename}.{os.getpid()}")
    temporary.unlink(missing_ok=True)  # What others may have put there, a link say, is not written to.
    temporary.write_text(json.dumps(value), encoding="utf-8")
    temporary.replace(path)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: this file cannot be read ({error.strerror}); make it readable") from None
