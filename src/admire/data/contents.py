"""What a card says of prepared rows: how many, and the sha256 of their content, whatever files hold them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


def contents(files: list[Path]) -> dict[str, Any]:
    """Rows, tokens and bytes of Arrow files that are read one after the other, and the sha256 of their rows in order
    (lengths, tokens, masks).
    """
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
    """Read, not mapped: pages that are mapped count as this process's memory."""
    import pyarrow as pa

    for path in files:
        with pa.OSFile(str(path)) as stream:
            yield from pa.ipc.open_stream(stream)
