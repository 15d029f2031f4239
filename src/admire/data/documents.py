"""Reads a source's documents, one at a time, from a corpus, from local files or from a Hugging Face dataset."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

from admire.campaign.schema.sources import Source
from admire.data.corpora import corpus
from admire.data.left_out import LeftOut
from admire.data.reading import folder
from admire.data.reading.decompression import opened
from admire.data.reading.formats import kind_of
from admire.data.reading.origin import Read, rows_of, wanted
from admire.data.reading.patterns import matched_files
from admire.data.reading.request import SourceRequest
from admire.errors import SourceError

SAMPLE = 1 << 20  # `inspect` reads so many bytes of each file, which takes milliseconds.
LOOKED_AT = 20  # `inspect` reads so many rows; if none of them can be used, hardly any can.
HOPELESS = 1000  # If none of so many first rows can be used, the rest of the source is not read.


def documents(name: str, source: Source, kind: str, skip: int = 0, notes: list[str] | None = None) -> Iterator[Read]:
    """The documents of a source, at most `max_documents`, in an order that depends only on its content.

    Args:
        name: the source's name in the YAML, for messages.
        kind: `pretrain` (texts) or `sft` (conversations).
        skip: the number of documents to skip at the start, because they were read before; rows that cannot be used count too.
        notes: a list to which sentences about the source as a whole are appended, to be printed when all rows are read.

    Raises:
        SourceError: if the source is missing, empty or unreadable, has no usable row, or has an unusable one although
            `bad_rows` is `refuse`.
    """
    key = f"sources.{name}"
    request = SourceRequest(key, source, kind) if notes is None else SourceRequest(key, source, kind, notes=notes)
    seen = usable = 0
    first: LeftOut | None = None
    for read in wanted(rows_of(request), request):
        seen += 1
        if isinstance(read.document, LeftOut):
            first = first or read.document
        else:
            usable += 1
        if not usable and seen == HOPELESS:
            break
        if seen > skip:
            yield read
        if usable == source.max_documents:
            break
    if first is not None and not usable:
        none = f"none of its first {seen:,} rows can" if seen == HOPELESS else f"none of its {seen:,} rows can"
        raise SourceError(f"{first.sentence} ({none if seen > 1 else 'its only row cannot'} be used)")
    if seen:
        return
    if source.where:
        values = ", ".join(f"{column} = {value!r}" for column, value in source.where.items())
        raise SourceError(f"{key}.where: no row has {values}; correct the values or leave `where` out")
    raise SourceError(f"{key}: the source holds no documents; point it to other data or remove it")


def local_files(name: str, source: Source) -> list[Path]:
    """The files that a source reads, each once: the sorted matches of its patterns, or the files of its split in a local dataset's
    folder. Empty for other origins.

    Raises:
        SourceError: if a pattern matches nothing, a folder is not a dataset, or a file is empty or of an unknown kind.
    """
    key = f"sources.{name}"
    if source.files is not None:
        return matched_files(source.files, key)
    if source.dataset is not None and folder.names_folder(source.dataset):
        return folder.find(source, key).files
    return []


def unread_files(name: str, source: Source) -> list[Path]:
    """The data files in a local dataset's folder that the source's split does not read. Empty for other origins."""
    if source.dataset is not None and folder.names_folder(source.dataset):
        return folder.find(source, f"sources.{name}").unread
    return []


def inspect(name: str, source: Source, kind: str = "pretrain") -> None:
    """Find within milliseconds errors that `documents` would only find later: unknown corpora; missing, empty and non-UTF-8 files;
    sources of which none of the first rows can be used, say because a column is missing.

    Of each text file only the first megabyte is checked for UTF-8.

    Args:
        kind: `pretrain` (texts) or `sft` (conversations).

    Raises:
        SourceError: for each of these errors.
    """
    key = f"sources.{name}"
    if source.corpus is not None:
        corpus(source.corpus, f"{key}.corpus")
        return
    files = local_files(name, source)
    for path in files if source.files is not None else []:
        if kind_of(path) != ".parquet":
            _check_encoding(path, key, source)
    if files and not source.where:
        request = SourceRequest(key, source, kind)
        with contextlib.closing(rows_of(request)) as rows:
            looked_at = [read.document for read in wanted(itertools.islice(rows, LOOKED_AT), request)]
        refused = [one for one in looked_at if isinstance(one, LeftOut)]
        if refused and len(refused) == len(looked_at):
            raise SourceError(refused[0].sentence)


def _check_encoding(path: Path, key: str, source: Source) -> None:
    if source.bad_rows == "skip":
        return
    with opened(path, key) as stream:
        sample = stream.read(SAMPLE)
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        # The end of the sample may cut through a character, which is no mistake in the file.
        if error.start < len(sample) - 4 or len(sample) < SAMPLE:
            raise SourceError(
                f"{path}: not UTF-8 (byte {error.start}); convert it to UTF-8 or take it out of {key}.files"
            ) from None
