"""Turns a source's documents into its three splits on disk: several processes tokenise, and rows are written shard by shard."""

from __future__ import annotations

import os
import shutil
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from admire.campaign.schema.campaign import Campaign
from admire.campaign.schema.evaluation import DomainLoss
from admire.data.contents import contents
from admire.data.documents import documents
from admire.data.left_out import Tally
from admire.data.parallel import in_order
from admire.data.progress_bar import progress
from admire.data.row_order import key_of, permutation
from admire.data.shards import Shards, arrow_files
from admire.data.splits import SPLITS
from admire.data.tokenise import Text, batches, tokeniser
from admire.data.windows import Windows
from admire.errors import SourceError

SHARDS = "shards"  # This subfolder has the files that only the preparation needs; it is removed at the end.


def write_shards(campaign: Campaign, name: str, folder: Path, workers: int) -> Tally:
    """Tokenise the documents that come after the finished shards in `folder`.

    Args:
        workers: number of processes that tokenise.

    Returns:
        The counts of all documents, those in earlier shards included.

    Raises:
        SourceError: if a document cannot be read or prepared, or a process was killed.
    """
    source, training = campaign.sources[name], campaign.training
    shards = Shards(folder / SHARDS, with_masks=training.kind == "sft")
    reached = shards.reached or {"counted": {}, "rest": {}, "whole": False}
    tally = Tally.of(reached["counted"])
    windows = Windows(training.sequence_length, reached["rest"])  # Only texts are cut; a conversation is a row already.
    if reached["whole"]:
        return tally

    def finish(whole: bool) -> None:
        shards.finish({"counted": tally.to_json(), "rest": windows.rest, "whole": whole})

    notes: list[str] = []
    reads = documents(name, source, training.kind, skip=tally.documents, notes=notes)
    try:
        with progress(name, "documents") as bar:
            bar.update(tally.documents)
            for batch in in_order(partial(tokeniser, campaign), batches(reads), workers):
                tally.add(batch.tally)
                for split, part in batch.splits.items():
                    rows = windows.cut(split, part) if isinstance(part, Text) else part
                    if rows is not None:
                        shards.write(split, rows)
                if shards.full:
                    finish(whole=False)
                bar.update(batch.tally.documents)
    except BrokenProcessPool as error:
        raise SourceError(
            f"sources.{name}: a process that tokenised it was {error}, most often for want of memory; "
            "give the job more memory or fewer threads, and run again: it resumes from its last shard"
        ) from None
    tally.add(Tally(notes=notes))
    finish(whole=True)
    return tally


def assemble(campaign: Campaign, name: str, folder: Path, tally: Tally) -> dict[str, dict[str, Any]]:
    """Move or copy the splits from the shards to their final places. This may be repeated after a kill.

    Returns:
        Split -> its entry for the card.

    Raises:
        SourceError: if the training split, or a held-out split that a suite scores, has no row.
    """
    described = {}
    for split in SPLITS:
        spare = 0
        whole, place = folder / SHARDS / split, folder / split
        if split == "train" and whole.exists():  # It may have terabytes, so it is moved and not copied.
            os.rename(whole, place)
        filled = bool(arrow_files(place if split == "train" else whole))
        if not filled and (split == "train" or _is_scored(campaign, name)):
            share = "" if split == "train" else f" or raise held_out.{split}"
            left = f" ({'; '.join(tally.lines().values())})" if tally.lines() else ""
            raise SourceError(
                f"sources.{name}: its {tally.documents} documents leave no row for the {split} split{left}; "
                f"give it more text{share}"
            )
        if split != "train" and filled:
            shutil.rmtree(place, ignore_errors=True)
            spare = _save_held_out(whole.parent, split, campaign.held_out.max_rows, place)
        described[split] = contents(arrow_files(place)) | ({"rows_beyond_max_rows": spare} if spare else {})
    return described


def _is_scored(campaign: Campaign, name: str) -> bool:
    """Whether a suite scores the source's held-out documents."""
    suites = [suite for suite in campaign.evaluation.values() if isinstance(suite, DomainLoss)]
    return any(suite.sources is None or name in suite.sources for suite in suites)


def _save_held_out(shards: Path, split: str, most: int, place: Path) -> int:
    """Copy at most `most` rows of a split, and return how many rows were not copied."""
    import datasets

    from admire.data.rows import load_split

    datasets.disable_progress_bars()  # Copying so few rows takes no time.
    rows = load_split(shards, split)
    spare = max(len(rows) - most, 0)
    if spare:  # A random sample represents all held-out documents; the first rows would not.
        rows = rows.select(np.sort(permutation(len(rows), key_of("held-out rows", split))[:most]))
    rows.save_to_disk(place)
    return spare
