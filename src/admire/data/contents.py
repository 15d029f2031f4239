"""Describes prepared rows for a source's card: their numbers, and a sha256 of their content that does not depend on how the rows
are divided among files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


def contents(files: list[Path]) -> dict[str, Any]:
    """The numbers of rows, tokens and bytes in Arrow files, and the sha256 of their rows (lengths, tokens, masks) in the order of
    the files."""
    parts = {"lengths": hashlib.sha256(), "input_ids": hashlib.sha256(), "assistant_masks": hashlib.sha256()}
    rows = tokens = bytes_ = 0
    for batch in _batches(files):
        rows += len(batch)
        parts["lengths"].update(batch["input_ids"].value_lengths().to_numpy().astype("<u4"))
        for column in ("input_ids", "assistant_masks"):
            if column in batch.schema.names:
                flat = batch[column].flatten().to_numpy()
                parts[column].update(np.ascontiguousarray(flat, flat.dtype.newbyteorder("<")).data)
                tokens += len(flat) if column == "input_ids" else 0
        bytes_ += int(np.sum(batch["bytes"].to_numpy(), dtype=np.int64))
    whole = hashlib.sha256("".join(part.hexdigest() for part in parts.values()).encode())
    return {"rows": rows, "tokens": tokens, "bytes": bytes_, "sha256": whole.hexdigest()}


def _batches(files: list[Path]) -> Iterator[pa.RecordBatch]:
    """The record batches of files. They are not memory-mapped, because mapped pages would count as memory of this process."""
    import pyarrow as pa

    for path in files:
        with pa.OSFile(str(path)) as stream:
            yield from pa.ipc.open_stream(stream)
