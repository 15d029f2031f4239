"""Are the weights at a path whole? Told from their names, sizes and headers, without reading a number of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from admire.errors import ConfigError
from admire.preflight.hub import model_file, on_hub

ONE, INDEX = "model.safetensors", "model.safetensors.index.json"
POINTER = b"version https://git-lfs.github.com/spec/"
LONGEST_HEADER = 100_000_000  # bytes, the limit of the format


def check_files(path: str) -> None:
    """Refuse weights of which something is missing, cut short or a pointer to elsewhere; of a name on the hub what is in the cache.

    Args:
        path: a folder or a name on the hub.

    Raises:
        ConfigError: names the file; begins with what stands behind `models.<name>`.
    """
    index, one = model_file(path, INDEX), model_file(path, ONE)
    if one is not None:
        _tensors(one)
        return
    if index is None:
        if on_hub(path):
            return  # not fetched yet
        raise ConfigError(
            f".path: {path} holds no {ONE} and no {INDEX}; save the weights in that form, pickles are not opened"
        )
    places = read_json_file(index).get("weight_map")
    if not isinstance(places, dict) or not all(isinstance(shard, str) for shard in places.values()):
        raise ConfigError(f".path: {index} is no index of weights; copy it again")
    held: dict[str, set[str]] = {}
    for tensor, shard in places.items():
        if Path(shard).name != shard:
            # Such a file would be loaded, and be no part of what the weights are known by.
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


def check_settings(path: str, names: Iterable[str]) -> None:
    """Refuse files of settings that cannot be read, or in which a key stands twice; those that are not there are none.

    Raises:
        ConfigError: as `read_json_file`.
    """
    for name in names:
        if (file := model_file(path, name)) is not None:
            read_json_file(file)


def read_json_file(path: Path) -> dict[str, Any]:
    """What a JSON file of a model says.

    Raises:
        ConfigError: if it is a pointer, cannot be read or is no mapping, or if a key stands twice in it.
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
    """A key that stands twice, of which Python's reader takes the last."""


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
    """Names of the tensors of a safetensors file that is as long as its header says."""
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
