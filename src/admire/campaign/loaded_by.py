"""The files and settings, besides a tokenizer's own files, that decide how the tokenizer is loaded.

transformers chooses the tokenizer's class by the model's `config.json` and its rules by `fast_tokenizer_files`, and some classes
read files with other names.
"""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

from admire.campaign import contents
from admire.campaign.json_hash import digest

PLAIN = "its own files"  # the value if nothing but the tokenizer's own files decides
OTHERS = (  # Some classes read their vocabulary from these files instead of those in `contents.TOKENIZER`.
    "tekken.json",
    "tokenizer.model.*",
    "*.spm",
    "bpe.codes",
    "dict.txt",
    "prophetnet.tokenizer",
    "byte_maps.json",
    "emoji.json",
    "entity_vocab.json",
    "normalizer.json",
    "target_vocab.json",
    "vocab-src.json",
    "vocab-tgt.json",
    "word_pronunciation.json",
    "word_shape.json",
)


def loaded_by(path: str, hashes: Path) -> str:
    """A digest of everything, besides the tokenizer's own files, that decides how it is loaded; `PLAIN` if nothing else does.

    Args:
        path: a folder or a name on the hub.
        hashes: the folder in which the sha256 of large files are cached.

    Raises:
        ConfigError: if a file cannot be read.
    """
    folder = contents.located(path)
    if folder is None:
        return PLAIN
    own = _settings(folder / "tokenizer_config.json")
    found = _of_model(_settings(folder / "config.json"), "fix_mistral_regex" in own)
    found |= {name: contents.file(file, hashes) for name, file in contents.matching(folder, OTHERS).items()}
    listed = own.get("fast_tokenizer_files")
    for name in filter(_is_text, listed) if isinstance(listed, list) else ():
        file = folder / name
        found[f"fast {name}"] = contents.file(file, hashes) if file.is_file() else None
    return digest(found) if found else PLAIN


def _of_model(config: dict[str, Any], by_version: bool) -> dict[str, Any]:
    """The keys of a model's configuration that decide the class of its tokenizer.

    Args:
        by_version: whether the transformers version that wrote the configuration counts, as it does for a fix of Mistral's rules.
    """
    deciding: tuple[str, ...] = ("model_type", "tokenizer_class", "model_name", "auto_map")
    found = {key: config[key] for key in deciding if key in config}
    if found.get("model_type") == "mistral" and "layer_types" in config:
        found["layer_types"] = True  # Its presence alone makes transformers treat the model as another type.
    if by_version and "transformers_version" in config:
        found["transformers_version"] = config["transformers_version"]
    return found


def _settings(path: Path) -> dict[str, Any]:
    """The settings in a JSON file; empty if it has none, because the code that loads the tokenizer reports that."""
    with contextlib.suppress(OSError, ValueError, RecursionError):
        found = json.loads(path.read_bytes())
        return found if isinstance(found, dict) else {}
    return {}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
