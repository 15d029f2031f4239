"""A source, tokenised once into Arrow and shared by every trial: `results/sources/<name>/<digest>/`.

The folder appears as a whole, its `card.json` inside. What was prepared is known by its content's sha256; whether the
files it came from are still the same is found by `check_files`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from admire.campaign.config import Campaign, DomainLoss
from admire.campaign.layout import Layout, kept
from admire.campaign.recipes import source_digest, source_recipe
from admire.data.documents import documents, local_files
from admire.data.keyed_order import key_of, permutation
from admire.data.splits import SPLITS
from admire.data.tokenise import Rows, conversations, placed, windows
from admire.data.tokenizers import campaign_tokenizer, tokenizer_sha256
from admire.errors import ConfigError, SourceError
from admire.trials.files import read_json, write_json
from admire.trials.lease import Lease
from admire.trials.records import provenance

if TYPE_CHECKING:
    import datasets
    from transformers import PreTrainedTokenizerBase

HASH_ROWS = 10_000


def prepare_source(campaign: Campaign, name: str) -> Path:
    """Prepare one source of a campaign unless it is there; its card's path. Safe to repeat and to kill.

    Raises:
        ConfigError: if there is no such source, or the tokenizer cannot be used.
        SourceError: if the source cannot be read, holds nothing, or leaves a split without rows.
    """
    if name not in campaign.sources:
        raise ConfigError(f"sources: there is none called '{name}'; the sources are {', '.join(campaign.sources)}")
    layout = Layout(Path(campaign.results))
    digest = source_digest(campaign, name)
    folder, card = layout.source(name, digest), layout.card(name, digest)
    with Lease(folder.with_name(f"{digest}.lease")).hold(wait=True):
        if read_card(folder) is None:
            partial = folder.with_name(f".{digest}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            _prepare(campaign, name, digest, partial)
            shutil.rmtree(folder, ignore_errors=True)
            os.rename(partial, folder)
        elif not card.is_file():  # Snakemake removes the declared card of an interrupted job, not the rows
            write_json(card, read_card(folder))
    return card


def read_card(folder: Path) -> dict[str, Any] | None:
    """The card of a prepared source, None while there is none."""
    card = folder / "card.json"
    for path in (card, kept(card)):
        if path.is_file():
            return read_json(path)
    return None


def check_files(campaign: Campaign, name: str, card: dict[str, Any]) -> None:
    """Refuse a source whose files are no longer what they were when it was prepared.

    Sizes and times are compared; only where they differ is a file read again.

    Raises:
        SourceError: names the first file that changed, appeared or is gone.
    """
    mend = f"set sources.{name}.revision to a new label under a new campaign name, or restore the files"
    known = {entry["path"]: entry for entry in card["files"]}
    present = {str(path): path for path in local_files(name, campaign.sources[name])} if known else {}
    for path in sorted(known.keys() ^ present.keys()):
        what = "is gone" if path in known else "is new"
        raise SourceError(f"{path}: this file {what} since source '{name}' was prepared; {mend}")
    for path, entry in known.items():
        stat = present[path].stat()
        if (stat.st_size, stat.st_mtime_ns) == (entry["size"], entry["mtime_ns"]):
            continue
        if stat.st_size != entry["size"] or _sha256(present[path]) != entry["sha256"]:
            raise SourceError(f"{path}: this file changed since source '{name}' was prepared; {mend}")


def _prepare(campaign: Campaign, name: str, digest: str, folder: Path) -> None:
    """Fill `folder` with the splits and, last, the card."""
    started = time.monotonic()
    source = campaign.sources[name]
    tokenizer = campaign_tokenizer(campaign)
    files = [_file_entry(path) for path in local_files(name, source)]
    counted: Counter[str] = Counter()
    splits = _write_splits(campaign, name, tokenizer, folder, counted)
    for entry in files:
        stat = Path(entry["path"]).stat()
        if (stat.st_size, stat.st_mtime_ns) != (entry["size"], entry["mtime_ns"]):
            raise SourceError(
                f"{entry['path']}: this file changed while it was read; run again when nobody writes to it"
            )
    card = {
        "source": name,
        "digest": digest,
        "recipe": source_recipe(campaign, name),
        "documents": counted.pop("documents"),
        "dropped": {reason: counted[reason] for reason in ("blank", "without_assistant")},
        "truncated": counted["truncated"],
        "tokenizer_sha256": tokenizer_sha256(tokenizer),
        "splits": splits,
        "files": files,
        "seconds": round(time.monotonic() - started, 3),
        "provenance": provenance("datasets", "pyarrow", "tokenizers", "transformers"),
    }
    write_json(kept(folder / "card.json"), card)
    write_json(folder / "card.json", card)


def _write_splits(
    campaign: Campaign, name: str, tokenizer: PreTrainedTokenizerBase, folder: Path, counted: Counter[str]
) -> dict[str, dict[str, Any]]:
    """Tokenise every document once and save the three splits; what the card says about them."""
    import datasets

    datasets.disable_progress_bars()  # saving takes no time; the bar is over the documents
    streams = {split: folder / f"{split}.arrow" for split in SPLITS}
    _stream(_tokenised(campaign, name, tokenizer, counted), streams, with_masks=campaign.training.kind == "sft")
    described = {}
    for split, stream in streams.items():
        rows = datasets.Dataset.from_file(str(stream))
        if split != "train" and len(rows) > campaign.held_out.max_rows:
            # spread over all held-out documents, not the first few
            chosen = permutation(len(rows), key_of("held-out rows", split))[: campaign.held_out.max_rows]
            rows = rows.select(np.sort(chosen))
        if len(rows) == 0 and (split == "train" or _is_scored(campaign, name)):
            share = "" if split == "train" else f" or raise held_out.{split}"
            raise SourceError(
                f"sources.{name}: its {counted['documents']} documents leave no row for the {split} split; "
                f"give it more text{share}"
            )
        rows.save_to_disk(folder / split, num_shards=None if len(rows) else 1)  # a split of no shards cannot be opened
        described[split] = contents(rows)
        stream.unlink()
    return described


def _is_scored(campaign: Campaign, name: str) -> bool:
    """Whether a suite scores what is held out of the source."""
    suites = [suite for suite in campaign.evaluation.values() if isinstance(suite, DomainLoss)]
    return any(suite.sources is None or name in suite.sources for suite in suites)


def _tokenised(
    campaign: Campaign, name: str, tokenizer: PreTrainedTokenizerBase, counted: Counter[str]
) -> Iterator[Rows]:
    """The source's documents as rows, with a progress bar."""
    from tqdm import tqdm

    training = campaign.training
    reads = tqdm(documents(name, campaign.sources[name], training.kind), desc=name, unit=" documents", disable=None)
    whole = placed(reads, campaign.held_out, counted)
    if training.kind == "pretrain":
        return windows(whole, tokenizer, training.sequence_length)
    return conversations(whole, tokenizer, training.sequence_length, training.loss_on, counted)


def _stream(batches: Iterator[Rows], streams: dict[str, Path], with_masks: bool) -> None:
    """Write batches of rows to one Arrow stream a split."""
    import pyarrow as pa

    fields = {"input_ids": pa.list_(pa.int32())} | ({"assistant_masks": pa.list_(pa.int8())} if with_masks else {})
    schema = pa.schema(fields | {"bytes": pa.int32()})
    writers = {split: pa.ipc.new_stream(str(path), schema) for split, path in streams.items()}
    try:
        for rows in batches:
            offsets = np.concatenate([[0], np.cumsum(rows.lengths)]).astype(np.int32)
            columns: dict[str, pa.Array] = {"input_ids": pa.ListArray.from_arrays(offsets, rows.input_ids)}
            if with_masks:
                columns["assistant_masks"] = pa.ListArray.from_arrays(offsets, rows.assistant_masks)
            columns["bytes"] = pa.array(rows.bytes)
            writers[rows.split].write_table(pa.table(columns, schema=schema))
    finally:
        for writer in writers.values():
            writer.close()


def contents(rows: datasets.Dataset) -> dict[str, Any]:
    """Rows, tokens, bytes of a split, and the sha256 of its rows in order (lengths, tokens, masks), whatever files hold
    them.
    """
    parts = {"lengths": hashlib.sha256(), "input_ids": hashlib.sha256(), "assistant_masks": hashlib.sha256()}
    tokens = bytes_ = 0
    for table in rows.with_format("arrow").iter(HASH_ROWS):
        for chunk in table["input_ids"].chunks:
            parts["lengths"].update(chunk.value_lengths().to_numpy().astype("<u4").tobytes())
        for column in ("input_ids", "assistant_masks"):
            if column in table.column_names:
                for chunk in table[column].chunks:
                    flat = chunk.flatten().to_numpy()
                    parts[column].update(flat.astype(flat.dtype.newbyteorder("<")).tobytes())
                    tokens += len(flat) if column == "input_ids" else 0
        bytes_ += int(np.sum(table["bytes"].to_numpy(), dtype=np.int64))
    whole = hashlib.sha256("".join(part.hexdigest() for part in parts.values()).encode())
    return {"rows": len(rows), "tokens": tokens, "bytes": bytes_, "sha256": whole.hexdigest()}


def _file_entry(path: Path) -> dict[str, Any]:
    stat = path.stat()
    return {"path": str(path), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": _sha256(path)}


def _sha256(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
