"""A prepared source: tokenised once into Arrow files and shared by all trials, in `results/sources/<name>/<digest>/`.

The folder is renamed to its place when it is complete, with its `card.json`. The card identifies the rows by the sha256 of their
content; `check_files` finds out whether the files from which they were made have changed since.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import Any

from admire.campaign import contents
from admire.campaign.layout import Layout, kept
from admire.campaign.recipes import source_digest, source_recipe
from admire.campaign.schema.campaign import Campaign
from admire.data import hub_cache
from admire.data.documents import local_files, unread_files
from admire.data.preparation import SHARDS, assemble, write_shards
from admire.data.reading.folder import names_folder
from admire.data.tokenizers import campaign_tokenizer, tokenizer_sha256
from admire.errors import ConfigError, SourceError
from admire.trials.atomic_files import read_json, write_json
from admire.trials.lease import Lease
from admire.trials.records import provenance

COUNTS = "2"  # The version of the counts in shards. A preparation that was begun with another version restarts.


def prepare_source(campaign: Campaign, name: str, workers: int = 1) -> Path:
    """Prepare one source of a campaign, unless that is done, and return the path of its card. After a kill, the next call resumes
    from the last finished shard and gives the same rows.

    Args:
        workers: number of processes that tokenise; the rows do not depend on it.

    Raises:
        ConfigError: if the campaign has no such source, or the tokenizer cannot be used.
        SourceError: if the source cannot be read, is empty, or leaves a split without rows.
    """
    if name not in campaign.sources:
        raise ConfigError(f"sources: there is none called '{name}'; the sources are {', '.join(campaign.sources)}")
    layout = Layout(Path(campaign.results))
    digest = source_digest(campaign, name)
    folder, card = layout.source(name, digest), layout.card(name, digest)
    with Lease(folder.with_name(f"{digest}.lease")).hold(wait=True):
        if read_card(folder) is None:
            partial = folder.with_name(f".{digest}.partial")
            if read_card(partial) is None:
                _prepare(campaign, name, digest, partial, workers)
            shutil.rmtree(partial / SHARDS, ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)
            os.rename(partial, folder)
        if not card.is_file():  # Snakemake removes the declared card of an interrupted job, but not the rows.
            write_json(card, read_card(folder))
    return card


def read_card(folder: Path) -> dict[str, Any] | None:
    """The card of a prepared source; None if it is not prepared."""
    card = folder / "card.json"
    for path in (card, kept(card)):
        if path.is_file():
            return read_json(path)
    return None


def check_files(campaign: Campaign, name: str, card: dict[str, Any]) -> None:
    """Refuse a source whose files changed since it was prepared.

    Sizes, times and inodes are compared. Only if they differ, the file is read again, and its sha256 is kept.

    Raises:
        SourceError: if a file changed, appeared or is gone; the message names the first one.
    """
    mend = f"set sources.{name}.revision to a new label under a new campaign name, or restore the files"
    known = {entry["path"]: entry for entry in card["files"]}
    present = {str(path): path for path in local_files(name, campaign.sources[name])} if known else {}
    if "unread" not in card:  # Cards of earlier versions list all files in a dataset's folder, even if not read.
        known = {path: entry for path, entry in known.items() if path in present or not Path(path).is_file()}
    for path in sorted(known.keys() ^ present.keys()):
        what = "is gone" if path in known else "is new"
        raise SourceError(f"{path}: this file {what} since source '{name}' was prepared; {mend}")
    hashes = Layout(Path(campaign.results)).hashes
    for path, entry in known.items():
        now = _stat(present[path]) | _identity(present[path])
        if all(entry.get(key, value) == value for key, value in now.items()):
            continue
        found = contents.file(present[path], hashes)
        if found != entry["sha256"]:
            raise SourceError(
                f"{path}: this file changed since source '{name}' was prepared (was {entry['sha256'][:16]}, is {found[:16]}); "
                f"{mend}"
            )


def _prepare(campaign: Campaign, name: str, digest: str, folder: Path, workers: int) -> None:
    """Fill `folder` with the splits and then the card, resuming from the shards that an earlier attempt left there."""
    started = time.monotonic()
    versions = provenance("datasets", "pyarrow", "tokenizers", "transformers")
    tokenizer = tokenizer_sha256(campaign_tokenizer(campaign))
    paths, unread = local_files(name, campaign.sources[name]), unread_files(name, campaign.sources[name])
    commit = _commit(campaign, name)
    read = {"commit": commit} if commit else {}
    begun_with = {
        "counts": COUNTS,
        "tokenizer": tokenizer,
        "python": versions["python"],
        **versions["versions"],
        **read,
    }
    files = _begin(folder, paths, begun_with)
    tally = write_shards(campaign, name, folder, workers)
    for entry in files:
        if _stat(Path(entry["path"])) != {key: entry[key] for key in ("path", "size", "mtime_ns")}:
            raise SourceError(
                f"{entry['path']}: this file changed while it was read; run again when nobody writes to it"
            )
    tally.check(name, campaign.sources[name].left_out_at_most)
    card = {
        "source": name,
        "digest": digest,
        "recipe": source_recipe(campaign, name),
        **tally.to_json(),
        "tokenizer_sha256": tokenizer,
        "splits": assemble(campaign, name, folder, tally),
        "files": files,
        "unread": list(map(str, unread)),
        **read,
        "seconds": round(time.monotonic() - started, 3),
        "provenance": versions,
    }
    write_json(kept(folder / "card.json"), card)
    write_json(folder / "card.json", card)


def _commit(campaign: Campaign, name: str) -> str | None:
    """The commit at which a source from the hub is read; None for other sources."""
    source = campaign.sources[name]
    if source.dataset is None or names_folder(source.dataset):
        return None
    folder = hub_cache.find(f"sources.{name}", source)
    return folder.name if folder else None


def _begin(folder: Path, paths: list[Path], versions: dict[str, str]) -> list[dict[str, Any]]:
    """Clear `folder` unless its preparation was begun with the same files and versions; return the files with their sha256."""
    begun = folder / SHARDS / "begun.json"
    found = read_json(begun) if begun.is_file() else {"files": [], "versions": None}
    known = [{key: entry[key] for key in ("path", "size", "mtime_ns")} for entry in found["files"]]
    if found["versions"] != versions or known != [_stat(path) for path in paths]:
        shutil.rmtree(folder, ignore_errors=True)
        files = [_stat(path) | _identity(path) | {"sha256": _sha256(path)} for path in paths]
        found = {"files": files, "versions": versions}
        write_json(begun, found)
    return found["files"]


def _stat(path: Path) -> dict[str, Any]:
    stat = path.stat()
    return {"path": str(path), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _identity(path: Path) -> dict[str, Any]:
    """The properties that change if another file of the same size and time is copied over this one."""
    stat = path.stat()
    return {"ctime_ns": stat.st_ctime_ns, "inode": stat.st_ino}


def _sha256(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
