"""Reading a source's documents, one at a time, from a corpus, from local files or from a Hugging Face dataset."""

from __future__ import annotations

import glob
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from admire.campaign.config import Source
from admire.data import hub_cache
from admire.data.conversation import Conversation, Document
from admire.data.corpora import corpus
from admire.data.left_out import LeftOut
from admire.errors import SourceError

SUFFIXES = (".jsonl", ".parquet", ".txt")
PARQUET_BATCH = 1024  # rows
SAMPLE = 1 << 20  # bytes of a file that `inspect` looks at


class Read(NamedTuple):
    """A document and where it was read, for messages; a `LeftOut` stands for one that cannot be used."""

    document: Document | LeftOut
    place: str


def documents(name: str, source: Source, kind: str, skip: int = 0) -> Iterator[Read]:
    """The documents of a source, at most `max_documents`, in an order that only its content decides.

    Args:
        name: the source's name in the YAML, for messages.
        kind: `pretrain` (texts) or `sft` (conversations).
        skip: leave out so many at the start, which were seen before.

    Raises:
        SourceError: if the source is missing, empty, unreadable or holds another kind of document.
    """
    key = f"sources.{name}"
    count = 0
    for read in itertools.islice(_read(key, source), source.max_documents):
        count += 1
        if count <= skip:
            continue
        yield Read(_checked(read, key, source, kind), read.place)
    if not count:
        if source.where:
            wanted = ", ".join(f"{column} = {value!r}" for column, value in source.where.items())
            raise SourceError(f"{key}.where: no row has {wanted}; correct the values or leave `where` out")
        raise SourceError(f"{key}: the source holds no documents; point it to other data or remove it")


def local_files(name: str, source: Source) -> list[Path]:
    """The files behind a source, sorted: what its patterns match, or what a local dataset folder holds; else none.

    Raises:
        SourceError: if a pattern matches nothing, or a file is empty or of an unknown kind.
    """
    if source.dataset is not None and Path(source.dataset).is_dir():
        root = Path(source.dataset)
        return sorted(
            path
            for path in root.rglob("*")
            if path.is_file() and not any(p.startswith(".") for p in path.relative_to(root).parts)
        )
    if source.files is None:
        return []
    key = f"sources.{name}.files"
    found: set[Path] = set()
    for pattern in [source.files] if isinstance(source.files, str) else source.files:
        matched = [Path(path) for path in glob.glob(pattern, recursive=True) if Path(path).is_file()]
        if not matched:
            raise SourceError(f"{pattern}: no such file; correct {key}, paths are relative to where the command runs")
        found.update(matched)
    for path in sorted(found):
        if path.suffix not in SUFFIXES:
            raise SourceError(f"{path}: {key} takes {', '.join(SUFFIXES)} files; convert it or narrow the pattern")
        if path.stat().st_size == 0:
            raise SourceError(f"{path}: the file is empty; fill it or take it out of {key}")
    return sorted(found)


def inspect(name: str, source: Source) -> None:
    """Refuse in milliseconds what `documents` would refuse later: unknown corpora, missing, empty and non-UTF-8 files, a column
    that the first row does not have.

    Of each text file only the first megabyte is looked at.
    """
    if source.corpus is not None:
        corpus(source.corpus, f"sources.{name}.corpus")
    if source.dataset is not None and _is_path(source.dataset) and not local_files(name, source):
        raise SourceError(
            f"{source.dataset}: no such folder, or no files in it; correct sources.{name}.dataset, "
            "paths are relative to where the command runs"
        )
    for path in local_files(name, source) if source.files is not None else []:
        if path.suffix != ".parquet":
            with open(path, "rb") as stream:
                sample = stream.read(SAMPLE)
            try:
                sample.decode("utf-8")
            except UnicodeDecodeError as error:
                if error.start < SAMPLE - 4:  # a character cut by the sample's end is no mistake
                    raise _not_utf8(path, error.start, f"sources.{name}") from None
    if source.files is not None and not source.where:
        next(_read(f"sources.{name}", source), None)


def _is_path(dataset: str) -> bool:
    """Whether a dataset's name can only be a folder: names on the hub are `name` or `owner/name`."""
    return dataset.startswith((".", "/")) or dataset.count("/") > 1 or Path(dataset).is_dir()


def _read(key: str, source: Source) -> Iterator[Read]:
    if source.corpus is not None:
        made = corpus(source.corpus, f"{key}.corpus")()
        return (Read(document, f"{source.corpus}, document {number}") for number, document in enumerate(made, 1))
    if source.files is not None:
        readers = {".jsonl": _read_jsonl, ".parquet": _read_parquet, ".txt": _read_txt}
        paths = local_files(key.removeprefix("sources."), source)
        return itertools.chain.from_iterable(readers[path.suffix](path, key, source) for path in paths)
    return _read_dataset(key, source)


def _read_txt(path: Path, key: str, source: Source) -> Iterator[Read]:
    try:
        yield Read(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError as error:
        raise _not_utf8(path, error.start, key) from None


def _read_jsonl(path: Path, key: str, source: Source) -> Iterator[Read]:
    with open(path, "rb") as stream:
        for number, line in enumerate(stream, 1):
            place = f"{path}:{number}"
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8"))
            except UnicodeDecodeError as error:
                raise _not_utf8(place, error.start, key) from None
            except json.JSONDecodeError as error:
                raise SourceError(
                    f"{place}: this line is not JSON ({error.msg}); mend it or take the file out of {key}.files"
                ) from None
            if not isinstance(row, dict):
                raise SourceError(
                    f"{place}: expected an object with the column '{source.column}', found {type(row).__name__}"
                )
            yield from _wanted(row, place, key, source)


def _read_parquet(path: Path, key: str, source: Source) -> Iterator[Read]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except pa.ArrowInvalid as error:
        raise SourceError(
            f"{path}: not a Parquet file ({error}); write it again or take it out of {key}.files"
        ) from None
    columns = _top_columns(source, file.schema_arrow.names, str(path), key)
    rows = (row for batch in file.iter_batches(PARQUET_BATCH, columns=columns) for row in batch.to_pylist())
    for number, row in enumerate(rows, 1):
        yield from _wanted(row, f"{path}, row {number}", key, source)


def _read_dataset(key: str, source: Source) -> Iterator[Read]:
    import datasets

    try:
        if _is_path(source.dataset):
            # streamed: no second copy in the hub's cache. Its `revision` is a label of the user's.
            rows = datasets.load_dataset(source.dataset, source.subset, split=source.split, streaming=True)
        else:
            rows = hub_cache.load(key, source)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        reason = str(error).strip().splitlines()[0].rstrip(".")
        raise SourceError(
            f"{source.dataset}: the dataset cannot be loaded ({reason}); correct {key}.dataset, subset, split or "
            "revision, or fetch it once where there is a network"
        ) from None
    if rows.column_names is not None:
        rows = rows.select_columns(_top_columns(source, rows.column_names, source.dataset, key))
    for number, row in enumerate(rows, 1):
        yield from _wanted(row, f"{source.dataset}, row {number}", key, source)


def _wanted(row: dict[str, Any], place: str, key: str, source: Source) -> Iterator[Read]:
    """The row's document if the row passes `where`."""
    _top_columns(source, list(row), place, key)
    if all(str(_cell(row, column)) == value for column, value in source.where.items()):
        yield Read(row[source.column], place)


def _top_columns(source: Source, known: list[str], place: str, key: str) -> list[str]:
    """The columns that a source's rows are read from; of `meta.name` that is `meta`.

    Raises:
        SourceError: if one is not among those that are `known`.
    """
    wanted = [source.column]
    for column in source.where:
        wanted.append(column if column in known else column.partition(".")[0])
    for column, top in zip((source.column, *source.where), wanted, strict=True):
        if top not in known:
            raise _no_column(column, known, place, key, source)
    return list(dict.fromkeys(wanted))


def _cell(row: dict[str, Any], column: str) -> Any:
    """What a row holds in a column, or in a mapping within it, which a dot leads to; None where there is nothing."""
    if column in row:
        return row[column]
    top, _, rest = column.partition(".")
    return _cell(row[top], rest) if isinstance(row.get(top), dict) else None


def _checked(read: Read, key: str, source: Source, kind: str) -> Document:
    """The document in the one form that is prepared: a text, or turns of role and content."""
    document, place = read
    column = "" if source.corpus is not None else f" in column '{source.column}'"
    mend = f"set {key}.column to the right one" if column else f"choose another {key}.corpus"
    if kind == "pretrain":
        if not isinstance(document, str):
            raise SourceError(f"{place}: pre-training needs text{column}, found {type(document).__name__}; {mend}")
    else:
        if not isinstance(document, list) or not document or not all(_is_turn(turn) for turn in document):
            raise SourceError(f"{place}: fine-tuning needs a list of {{role, content}}{column}; {mend}")
        document = Conversation([{"role": turn["role"], "content": turn["content"]} for turn in document])
    return document


def _is_turn(turn: Any) -> bool:
    return isinstance(turn, dict) and isinstance(turn.get("role"), str) and isinstance(turn.get("content"), str)


def _no_column(column: str, known: list[str], place: str, key: str, source: Source) -> SourceError:
    where = f"{key}.column" if column == source.column else f"{key}.where"
    return SourceError(f"{place}: there is no column '{column}'; set {where} to one of {', '.join(known)}")


def _not_utf8(place: Path | str, position: int, key: str) -> SourceError:
    return SourceError(f"{place}: not UTF-8 (byte {position}); convert it to UTF-8 or take it out of {key}.files")
