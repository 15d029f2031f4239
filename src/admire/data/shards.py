"""Writes rows to disk shard by shard, so that a preparation that was killed resumes after its last finished shard.

    <folder>/<split>/data-00000.arrow    the rows of one split in shard 0; absent if it has none
    <folder>/finished-00000.json         written last, so shard 0 is whole if it exists; the state from which to resume

The end of a shard depends only on the rows. Kills and the number of workers therefore do not change the files.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from admire.data.tokenise import Rows
from admire.trials.atomic_files import read_json, write_json

if TYPE_CHECKING:
    import pyarrow as pa

# A kill costs at most one shard of tokenisation (a quarter of a gigabyte), and 10^11 tokens still need fewer than 2,000 files,
# which are all open at the same time.
SHARD_TOKENS = 1 << 26
BATCH_TOKENS = 1 << 20  # A record batch of so many tokens is held in memory before it is written.


class Shards:
    """Writes the shards under one folder, beginning after the last finished one.

    Args:
        folder: it is made if it does not exist; the files of an unfinished shard are removed.
        with_masks: whether rows have `assistant_masks`, as in fine-tuning.
    """

    def __init__(self, folder: Path, with_masks: bool) -> None:
        import pyarrow as pa

        self.folder = folder
        finished = sorted(folder.glob("finished-*.json"))
        self.number = len(finished)
        self.reached: dict[str, Any] | None = read_json(finished[-1]) if finished else None
        """The state that was passed to `finish` for the last finished shard; None before the first."""
        for path in folder.glob("*/data-*.arrow"):
            if path.stem >= self._name:
                path.unlink()
        fields = {"input_ids": pa.list_(pa.int32())} | ({"assistant_masks": pa.list_(pa.int8())} if with_masks else {})
        self._schema = pa.schema(fields | {"bytes": pa.int32()})
        self._writers: dict[str, pa.RecordBatchStreamWriter] = {}
        self._waiting: dict[str, list[Rows]] = {}
        self._tokens = 0

    def write(self, split: str, rows: Rows) -> None:
        """Add rows to the current shard."""
        self._tokens += len(rows.input_ids)
        waiting = self._waiting.setdefault(split, [])
        waiting.append(rows)
        if sum(len(part.input_ids) for part in waiting) >= BATCH_TOKENS:
            self._flush(split)

    @property
    def full(self) -> bool:
        """Whether the current shard has SHARD_TOKENS tokens and should be finished."""
        return self._tokens >= SHARD_TOKENS

    def finish(self, reached: dict[str, Any]) -> None:
        """Complete the current shard and begin the next.

        Args:
            reached: the state that a later process needs in order to resume here.
        """
        for split in self._waiting:
            self._flush(split)
        for split, writer in self._writers.items():
            writer.close()
            with open(self._path(split), "rb") as stream:
                os.fsync(stream.fileno())
        write_json(self.folder / f"finished-{self.number:05d}.json", reached)
        self.number, self.reached = self.number + 1, reached
        self._writers, self._waiting, self._tokens = {}, {}, 0

    def files(self, split: str) -> list[Path]:
        """The files of a split in the order of their rows."""
        return arrow_files(self.folder / split)

    @property
    def _name(self) -> str:
        return f"data-{self.number:05d}"

    def _path(self, split: str) -> Path:
        return self.folder / split / f"{self._name}.arrow"

    def _flush(self, split: str) -> None:
        """Write the waiting rows of a split as one record batch."""
        import pyarrow as pa

        waiting, self._waiting[split] = self._waiting[split], []
        if not waiting:
            return
        offsets = np.concatenate([[0], np.cumsum(np.concatenate([rows.lengths for rows in waiting]))]).astype(np.int32)
        columns = {
            name: pa.ListArray.from_arrays(offsets, np.concatenate([getattr(rows, name) for rows in waiting]))
            for name in self._schema.names[:-1]
        }
        columns["bytes"] = pa.array(np.concatenate([rows.bytes for rows in waiting]))
        if split not in self._writers:
            self._path(split).parent.mkdir(parents=True, exist_ok=True)
            self._writers[split] = pa.ipc.new_stream(str(self._path(split)), self._schema)
        self._writers[split].write_batch(pa.record_batch(columns, schema=self._schema))


def arrow_files(folder: Path) -> list[Path]:
    """The Arrow files of a split in the order of their rows, whether written by `Shards` or by `Dataset.save_to_disk`."""
    return sorted(folder.glob("data-*.arrow"))
