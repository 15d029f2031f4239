"""An upper bound on the number of rows that a source can give, computed from its files before anything is prepared."""

from __future__ import annotations

import math
from pathlib import Path

from admire.campaign.schema.campaign import Campaign
from admire.data.documents import local_files

TEXT = (".jsonl", ".ndjson", ".json", ".txt")
WITHOUT_ROWS = (".md",)  # A README often lies beside the data in a dataset's folder.
BYTES_OF_SHORTEST_CONVERSATION = len('{"m":[{"role":"","content":""}]}')
EXTRA_TOKENS = 2  # A file may have more tokens than bytes: the end-of-text token and a blank that tokenizers put first.


def rows_at_most(campaign: Campaign, name: str) -> float:
    """The largest number of rows that a source can give; infinity if no bound is known (a corpus, the hub, compressed files).

    The bound holds because a token of a text file covers at least one byte, and a conversation is one row.

    Raises:
        SourceError: if files are missing or empty.
    """
    source = campaign.sources[name]
    files = local_files(name, source)
    most = sum(map(_conversations_of if campaign.training.kind == "sft" else _tokens_of, files)) if files else math.inf
    if campaign.training.kind == "sft":
        return min(most, source.max_documents or math.inf)
    return most // campaign.training.sequence_length if math.isfinite(most) else math.inf


def _tokens_of(path: Path) -> float:
    if path.suffix in WITHOUT_ROWS:
        return 0
    return path.stat().st_size + EXTRA_TOKENS if path.suffix in TEXT else math.inf


def _conversations_of(path: Path) -> float:
    if path.suffix in WITHOUT_ROWS:
        return 0
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.read_metadata(path).num_rows
        except (pa.ArrowException, OSError):  # `documents` will read the same file and report what is wrong with it.
            return math.inf
    return path.stat().st_size / BYTES_OF_SHORTEST_CONVERSATION if path.suffix in TEXT else math.inf
