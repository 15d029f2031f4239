"""Reading a source's documents, one at a time, from a corpus, from local files or from a Hugging Face dataset."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path

from admire.campaign.schema.sources import Source
from admire.data.corpora import corpus
from admire.data.left_out import LeftOut
from admire.data.reading import folder
from admire.data.reading.asked import Asked
from admire.data.reading.opened import kind_of, opened
from admire.data.reading.origin import Read, rows_of, wanted
from admire.data.reading.patterns import matched_files
from admire.errors import SourceError

SAMPLE = 1 << 20  # bytes of a file that `inspect` looks at
LOOKED_AT = 20  # rows that it looks at; where none of them can be used, hardly any can
HOPELESS = 1000  # rows after which a source that held none that can be used is not read to its end


def documents(name: str, source: Source, kind: str, skip: int = 0, notes: list[str] | None = None) -> Iterator[Read]:
    """The documents of a source, at most `max_documents`, in an order that only its content decides.

    Args:
        name: the source's name in the YAML, for messages.
        kind: `pretrain` (texts) or `sft` (conversations).
        skip: leave out so many at the start, which were seen before; a row that cannot be used counts as one.
        notes: takes sentences about the rows as a whole, which should be said when all are read.

    Raises:
        SourceError: if the source is missing, empty or unreadable, holds no row that can be used, or one that cannot be and
            none may be left out.
    """
    key = f"sources.{name}"
    asked = Asked(key, source, kind) if notes is None else Asked(key, source, kind, notes=notes)
    seen = usable = 0
    first: LeftOut | None = None
    for read in wanted(rows_of(asked), asked):
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
    """The files that a source reads, each once: what its patterns match, sorted, or those of its split in a local dataset's folder;
    none for other origins.

    Raises:
        SourceError: if a pattern matches nothing, a folder is no dataset, or a file is empty or of an unknown kind.
    """
    key = f"sources.{name}"
    if source.files is not None:
        return matched_files(source.files, key)
    if source.dataset is not None and folder.names_folder(source.dataset):
        return folder.find(source, key).files
    return []


def unread_files(name: str, source: Source) -> list[Path]:
    """The files of data in a local dataset's folder that the source's split does not read; none for other origins."""
    if source.dataset is not None and folder.names_folder(source.dataset):
        return folder.find(source, f"sources.{name}").unread
    return []


def inspect(name: str, source: Source, kind: str = "pretrain") -> None:
    """Refuse in milliseconds what `documents` would refuse later: unknown corpora, missing, empty and non-UTF-8 files, a column
    that the first row does not have.

    Of each text file only the first megabyte is looked at.

    Args:
        kind: `pretrain` (texts) or `sft` (conversations).
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
        asked = Asked(key, source, kind)
        with contextlib.closing(rows_of(asked)) as rows:
            looked_at = [read.document for read in wanted(itertools.islice(rows, LOOKED_AT), asked)]
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
        if error.start < len(sample) - 4 or len(sample) < SAMPLE:  # a character cut by the sample's end is no mistake
            raise SourceError(
                f"{path}: not UTF-8 (byte {error.start}); convert it to UTF-8 or take it out of {key}.files"
            ) from None
