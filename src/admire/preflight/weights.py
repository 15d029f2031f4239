"""Are the model weights at a path complete? Names, sizes and headers of the files show it without reading the tensors."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from admire.errors import ConfigError, TrialError
from admire.preflight.hub import model_file, on_hub

ONE, INDEX = "model.safetensors", "model.safetensors.index.json"
ADAPTER = "adapter_config.json"
KERNELS = {
    f"{kind}{what}_implementation{end}"
    for kind in ("", "_")
    for what in ("attn", "experts")
    for end in ("", "_internal")
}
POINTER = b"version https://git-lfs.github.com/spec/"
LONGEST_HEADER = 100_000_000  # The safetensors format allows no header of more bytes.


def check_files(path: str) -> None:
    """Refuse model weights of which a file is missing, cut short, or a git-lfs pointer instead of the file.

    Args:
        path: a folder, or a name on the hub, of which the files in the cache are checked.

    Raises:
        ConfigError: names the file. The caller puts `models.<name>` in front of the message.
    """
    index, one = model_file(path, INDEX), model_file(path, ONE)
    if one is not None and index is not None:
        raise ConfigError(
            f".path: {path} holds both {ONE} and {INDEX}, of which transformers reads the first alone; remove the one that is not "
            "meant"
        )
    if one is not None:
        _tensors(one)
        return
    if index is None:
        if on_hub(path):
            return  # The weights were not fetched yet.
        raise ConfigError(
            f".path: {path} holds no {ONE} and no {INDEX}; save the weights in that form, pickles are not opened"
        )
    content = read_json_file(index)
    places = content.get("weight_map")
    if (
        not isinstance(places, dict)
        or "metadata" not in content
        or not all(isinstance(shard, str) for shard in places.values())
    ):
        raise ConfigError(f".path: {index} is no index of weights; copy it again")
    held: dict[str, set[str]] = {}
    for tensor, shard in places.items():
        if Path(shard).name != shard:
            # transformers would load such a file, but the digest of the weights covers only files of this folder.
            raise ConfigError(
                f".path: {index} names {shard}, in another folder; lay the file beside the index, and name it there"
            )
        if shard not in held:
            file = model_file(path, shard)
            if file is None:
                raise ConfigError(f".path: {index} names {shard}, which is not there; copy or fetch it")
            held[shard] = _tensors(file)
        if tensor not in held[shard]:
            raise ConfigError(f".path: {index} looks for {tensor} in {shard}, which does not hold it; copy both again")


def check_kind(path: str, config: dict[str, Any]) -> None:
    """Refuse quantised model weights and adapters, which are not trained, and weights that ask for code from elsewhere.

    Args:
        path: a folder or a name on the hub.
        config: the content of its `config.json`.

    Raises:
        ConfigError: names the file. The caller puts `models.<name>` in front of the message.
    """
    parts = [config, *(value for value in config.values() if isinstance(value, dict))]
    if any("quantization_config" in part for part in parts):
        raise ConfigError(
            f".path: {path} holds quantised weights (quantization_config in config.json), which are not trained; dequantise "
            "and save them, or choose the model that they were made of"
        )
    for key, value in ((key, value) for part in parts for key, value in part.items()):
        # transformers fetches and runs a kernel whose name has a slash, where the package `kernels` is installed.
        if key in KERNELS and "/" in str(value):
            raise ConfigError(
                f".path: {path} asks for code from elsewhere ({key}: {str(value)[:80]} in config.json), which is not run; take the "
                "key out"
            )
    if model_file(path, ADAPTER) is not None:
        raise ConfigError(
            f".path: {path} holds an adapter of another model ({ADAPTER}); merge it into that model and save the whole, or remove "
            "the file"
        )


def check_tensors(path: str) -> None:
    """Refuse model weights whose files lack tensors of the architecture or hold them in other shapes.

    transformers compares names and shapes without reading the tensors. If it cannot, this prints a line that says so.

    Args:
        path: a folder, or a name on the hub, of which the files in the cache are checked.

    Raises:
        ConfigError: names the first tensors. The caller puts `models.<name>` in front of the message.
    """
    if model_file(path, ONE) is None and model_file(path, INDEX) is None:
        return  # The weights were not fetched yet.
    from admire.evaluate.loading import NotCheckedError, check_whole

    try:
        check_whole(path, "restore them, or choose other weights")
    except TrialError as error:
        raise ConfigError(f".path: {error}") from None
    except (NotCheckedError, OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200].rstrip(".")
        if not isinstance(error, NotCheckedError) and not on_hub(path):
            raise ConfigError(
                f".path: {path}: these weights cannot be loaded ({reason}); restore them, or choose others"
            ) from None
        print(
            f"{path}: it was not checked whether these weights are complete ({reason}); this shows when they are loaded",
            file=sys.stderr,
        )


def check_settings(path: str, names: Iterable[str]) -> None:
    """Refuse JSON files of settings that cannot be read or in which a key stands twice; missing files are accepted.

    Args:
        path: the folder or name on the hub of a model or tokenizer.
        names: the files to check.

    Raises:
        ConfigError: as `read_json_file`.
    """
    for name in names:
        if (file := model_file(path, name)) is not None:
            read_json_file(file)


def read_json_file(path: Path) -> dict[str, Any]:
    """The content of a JSON file of a model or tokenizer.

    Raises:
        ConfigError: if it is a git-lfs pointer, cannot be read or is no mapping, or if a key stands twice in it.
    """
    try:
        raw = path.read_bytes()
        _check_pointer(path, raw)
        found = json.loads(raw, object_pairs_hook=_once)
    except _Twice as twice:
        raise ConfigError(
            f".path: {path}: the key {str(twice)[:60]!r} stands twice; keep the one that is meant, or copy the file again"
        ) from None
    except OSError as error:
        raise ConfigError(f".path: {path} cannot be read ({error.strerror}); make it readable") from None
    except (ValueError, RecursionError):
        raise ConfigError(f".path: {path} is not valid JSON; copy or fetch it again") from None
    if not isinstance(found, dict):
        raise ConfigError(f".path: {path} is no mapping of keys; copy or fetch it again")
    return found


class _Twice(Exception):
    """Raised for a key that stands twice, because Python's JSON reader would silently take the last value."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [key for key, _ in pairs]
        raise _Twice(next(key for key in names if names.count(key) > 1))
    return found


def _check_pointer(path: Path, begin: bytes) -> None:
    if begin.startswith(POINTER):
        raise ConfigError(f".path: {path} is a pointer of git-lfs, not the file itself; `git lfs pull` fetches it")


def _tensors(path: Path) -> set[str]:
    """The names of the tensors in a safetensors file.

    Raises:
        ConfigError: if the file cannot be read, is no safetensors file, or is not as long as its header says.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            begin = stream.read(len(POINTER))
            _check_pointer(path, begin)
            length = int.from_bytes(begin[:8], "little") if size >= 8 else LONGEST_HEADER + 1
            stream.seek(8)
            header = json.loads(stream.read(length)) if length <= min(LONGEST_HEADER, size - 8) else {}
        header.pop("__metadata__", None)
        end = max(part["data_offsets"][1] for part in header.values())
    except OSError as error:
        raise ConfigError(f".path: {path} cannot be read ({error.strerror}); make it readable") from None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        raise ConfigError(f".path: {path} is no safetensors file ({size:,} bytes); copy or fetch it again") from None
    if size != 8 + length + end:
        raise ConfigError(
            f".path: {path} has {size:,} bytes where its header says {8 + length + end:,}: it was cut short or changed; copy or "
            "fetch it again"
        )
    return set(header)
