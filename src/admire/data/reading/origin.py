"""Reads the rows of a source, wherever they are, and makes documents of those that `where` selects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

from admire.data.conversation import Document
from admire.data.corpora import corpus
from admire.data.left_out import LeftOut
from admire.data.reading import folder, lines
from admire.data.reading.cells import cell, matches
from admire.data.reading.conversation_forms import conversation_of
from admire.data.reading.extra_columns import EXTRA_COLUMNS, SYSTEM, TOOLS
from admire.data.reading.formats import READERS, kind_of
from admire.data.reading.hub import read_hub
from admire.data.reading.patterns import matched_files
from admire.data.reading.request import Row, SourceRequest
from admire.data.reading.unusable import Unusable
from admire.errors import SourceError


class Read(NamedTuple):
    """A document, or a `LeftOut` in the place of one that cannot be used; and the place where it was read, for messages."""

    document: Document | LeftOut
    place: str


def rows_of(request: SourceRequest) -> Generator[Row, None, None]:
    """All rows of a source."""
    source, key = request.source, request.key
    if source.corpus is not None:
        made = corpus(source.corpus, f"{key}.corpus")()
        return (Row({source.column: one}, f"{source.corpus}, document {number}") for number, one in enumerate(made, 1))
    if source.files is not None:
        paths = matched_files(source.files, key)
        return (row for path in paths for row in READERS[str(kind_of(path))](path, request))
    if folder.names_folder(str(source.dataset)):
        return folder.read_folder(folder.find(source, key), request)
    return read_hub(request)


def wanted(rows: Iterator[Row], request: SourceRequest) -> Iterator[Read]:
    """The documents of the rows that `where` selects, with a `LeftOut` for each row that cannot be used.

    Raises:
        SourceError: at a row that cannot be used if `bad_rows` is `refuse`; at the end if no row has a column of `where`.
    """
    where, empty = request.source.where, Counter[str]()
    last: Row | None = None
    first: dict[str, str] = {}
    for row in rows:
        last = row
        if isinstance(row.cells, Unusable):
            yield Read(_left_out(row.cells, row.place, request), row.place)
            continue
        try:
            if where:
                values = {column: cell(row.cells, column) for column in where}
                for column in (column for column, value in values.items() if value is None):
                    empty[column] += 1
                    first.setdefault(column, row.place)
                if not all(matches(values[column], value) for column, value in where.items()):
                    continue
            document: Document | LeftOut = _document(row.cells, row.filled, request)
        except Unusable as error:
            document = _left_out(error, row.place, request)
        except RecursionError:
            document = _left_out(Unusable("too_deep", "brackets nested too deep to be read"), row.place, request)
        yield Read(document, row.place)
    if last is None:
        return
    for column in where:
        if not {column, column.partition(".")[0]} & request.columns.keys():
            raise request.no_column(column, first.get(column, last.place))
        if empty[column] and where[column] != "null":
            them = f"{empty[column]:,} rows have nothing in '{column}'"
            request.notes.append(f"{request.key}.where: {them} and are not taken (the first: {first[column]})")


def _left_out(error: Unusable, place: str, request: SourceRequest) -> LeftOut:
    """The `LeftOut` for an unusable row.

    Raises:
        SourceError: if `bad_rows` is `refuse`; the message has the fault and the fix.
    """
    mend = error.mend or f"set {request.key}.ignore_keys: [{error.key}] to leave it out of all turns"
    sentence = f"{place}: {error.what}; {mend}"
    if request.source.bad_rows == "refuse":
        raise SourceError(f"{sentence}, or leave such rows out by {request.key}.bad_rows: skip")
    return LeftOut(error.reason, sentence)


def _document(cells: dict[str, Any], filled: bool, request: SourceRequest) -> Document:
    """The row's document in the form that is prepared.

    Raises:
        Unusable: if the row has no document, or one that is too long or not text.
    """
    source, key = request.source, request.key
    value = cells.get(source.column)
    if value is None:
        if source.column not in cells:
            mend = f"set {key}.column to one of {', '.join(request.columns)}"
            raise Unusable("nothing", f"there is no column '{source.column}'", mend)
        raise Unusable("nothing", f"there is nothing in column '{source.column}'")
    try:
        if request.kind == "sft":
            # A column in `where` needs no check: the user knows its values. The document's column is no extra one.
            known = {source.column, *source.where} - ({TOOLS, SYSTEM} - {source.column})
            extra = {name: cells[name] for name in EXTRA_COLUMNS if name in cells and name not in known}
            conversation = conversation_of(value, extra, frozenset(source.ignore_keys), filled)
            made: Document = conversation
            size = sum(len(text.encode()) for text in conversation.texts)
        else:
            made, size = _text(value, request), len(value.encode())
    except UnicodeEncodeError:
        what = "the text holds half a surrogate pair, which is no character"
        raise Unusable("no_text", what, "correct or drop the row") from None
    if size > lines.MOST_BYTES:
        raise Unusable("too_long", f"a document of more than {lines.MOST_BYTES:,} bytes", "split it")
    return made


def _text(value: Any, request: SourceRequest) -> str:
    if isinstance(value, str):
        return value
    column = "" if request.source.corpus is not None else f" in column '{request.source.column}'"
    mend = f"set {request.key}.column to the right one" if column else f"choose another {request.key}.corpus"
    raise Unusable("other_type", f"pre-training needs text{column}, found {type(value).__name__}", mend)
