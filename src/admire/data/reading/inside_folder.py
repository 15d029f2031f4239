"""Refuses datasets in folders whose README or links lead to files outside of the folder.

Otherwise a folder from somebody else could make a training read any file of this machine. Files in `files:` are not checked,
because the user chose them.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml

from admire.campaign.reading import MOST_BYTES, Plain, content_of
from admire.errors import SourceError

HEADERS = ("README.md", ".huggingface.yaml")  # `datasets` reads the names of a subset's files from these.
NAMED_BY = (*HEADERS, "dataset_infos.json")


def check_headers(root: Path, key: str) -> None:
    """Refuse a dataset whose README names files outside its folder.

    Args:
        root: the dataset's folder.
        key: the source's place in the YAML, for messages.

    Raises:
        SourceError: if it does, or the README's header cannot be read; the message has the README, the name and the fix.
    """
    check_places([root / name for name in NAMED_BY if (root / name).is_file()], root, key)
    for name in HEADERS:
        path = root / name
        for said, value in _names(_header(path)) if path.is_file() else ():
            if "://" in value or value.startswith("~") or Path(value).is_absolute() or ".." in value.split("/"):
                raise SourceError(
                    f"{path}: its {said} name {value[:200]!r}, which is no file of this folder; correct it, or name the files that "
                    f"you mean in {key}.files"
                )


def check_places(paths: list[Path], root: Path, key: str) -> None:
    """Refuse files that lie outside of the dataset's folder, usually because of a link.

    Raises:
        SourceError: if there is one; the message has the file, its true place and the fix.
    """
    places = list(_places(root))
    for path in paths:
        if (real := leads_out(path, places)) is not None:
            raise SourceError(
                f"{path}: this leads out of the dataset's folder, to {real}; put a copy in its place, or name the files that you "
                f"mean in {key}.files"
            )


def leads_out(path: Path, places: Collection[Path]) -> Path | None:
    """The true place of a path, links followed, if it lies in none of `places`; else None."""
    real = Path(os.path.realpath(path))
    return None if any(real.is_relative_to(place) for place in places) else real


def _places(root: Path) -> Iterator[Path]:
    """The folders in which a dataset's files may lie: its own, and the `blobs` of the hub's cache if it is a snapshot there."""
    real = Path(os.path.realpath(root))
    yield real
    for folder in (real, *real.parents):
        blobs = folder.parent.parent / "blobs"
        if folder.parent.name == "snapshots" and blobs.is_dir() and not blobs.is_symlink():
            yield blobs


def _header(path: Path) -> Any:
    """The content of a README's YAML header, or of a YAML file, read with the same limits as a campaign file."""
    from huggingface_hub.repocard import REGEX_YAML_BLOCK

    try:
        with path.open("rb") as stream:
            raw = stream.read(MOST_BYTES + 1)
        if len(raw) > MOST_BYTES:
            raise ValueError(f"the file has more than {MOST_BYTES / 1e6:.0f} MB")
        text = raw.decode("utf-8-sig", errors="replace")
        if path.suffix == ".md":
            found = REGEX_YAML_BLOCK.search(text.replace("\r\n", "\n"))
            text = found[2] if found else ""
        return content_of(text)
    except (OSError, ValueError, OverflowError, yaml.YAMLError) as error:
        reason = getattr(error, "problem", None) or " ".join(str(error).split())
        raise SourceError(f"{path}: its YAML cannot be read ({reason[:200]}); correct it, or remove the file") from None


def _names(header: Any) -> Iterator[tuple[str, str]]:
    """Each key of a header that names files, with a file, folder or pattern that it names."""
    configs = header.get("configs") if isinstance(header, dict) else None
    for config in configs if isinstance(configs, list) else [configs]:
        if not isinstance(config, dict):
            continue
        for key in ("data_files", "data_dir"):
            yield from ((key, name) for name in _texts(config.get(key)))


def _texts(value: Any) -> Iterator[str]:
    """All texts in a nested value."""
    if isinstance(value, str | Plain):
        yield value if isinstance(value, str) else value.text
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(part)
