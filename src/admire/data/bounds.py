"""At most how many rows a source can give, told from its files before anything is prepared."""

from __future__ import annotations

import math
from pathlib import Path

from admire.campaign.schema.campaign import Campaign
from admire.data.documents import local_files

TEXT = (".jsonl", ".ndjson", ".json", ".txt")
WITHOUT_ROWS = (".md",)  # beside the data in a dataset's folder
CONVERSATION = len('{"m":[{"role":"","content":""}]}')  # bytes of the shortest
BESIDE_TEXT = 2  # tokens that a file may hold beyond its bytes: the end of text, a blank put before it


def rows_at_most(campaign: Campaign, name: str) -> float:
    """No more rows than this; infinity where sizes cannot tell (a corpus, the hub, compressed files).

    A token of a text file covers a byte or more, and a conversation is a row.

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
    return path.stat().st_size + BESIDE_TEXT if path.suffix in TEXT else math.inf


def _conversations_of(path: Path) -> float:
    if path.suffix in WITHOUT_ROWS:
        return 0
    if path.suffix == ".parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return pq.read_metadata(path).num_rows
        except (pa.ArrowException, OSError):  # `documents` says what is wrong with it
            return math.inf
    return path.stat().st_size / CONVERSATION if path.suffix in TEXT else math.inf
