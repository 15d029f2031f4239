"""Reads rows of a dataset on the hub from the files that `datasets` has prepared on this machine."""

from __future__ import annotations

from collections.abc import Generator

from admire.data import hub_cache
from admire.data.reading.folder import cannot_be_loaded
from admire.data.reading.request import Row, SourceRequest
from admire.errors import SourceError


def read_hub(request: SourceRequest) -> Generator[Row, None, None]:
    """The rows of the source's split, at its revision.

    Raises:
        SourceError: if the dataset is not on this machine, or its files are damaged.
    """
    import datasets

    source = request.source
    try:
        rows = hub_cache.load(request.key, source)
    except (OSError, ValueError, RuntimeError, datasets.exceptions.DatasetsError) as error:
        raise cannot_be_loaded(source, request.key, error) from None
    columns = request.needed_columns(rows.column_names)
    if source.column not in columns:
        raise request.no_column(source.column, str(source.dataset))
    rows = rows.select_columns(columns)
    number = 0
    try:
        for number, row in enumerate(rows, 1):
            yield Row(row, f"{source.dataset}, row {number}", filled=True)
    except Exception as error:  # It may be an error of pyarrow or of the code that decodes a column.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
        raise SourceError(
            f"{source.dataset}: the dataset cannot be read beyond row {number} ({reason}); remove it from the cache of `datasets` "
            "and fetch it again where there is a network"
        ) from None
