"""The request that all readers get: which columns of a source are needed, and where notes about it go."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from admire.campaign.schema.sources import Source
from admire.data.reading.extra_columns import EXTRA_COLUMNS
from admire.data.reading.unusable import Unusable
from admire.errors import SourceError


class Row(NamedTuple):
    """The requested cells of a row, or its fault, and the place where it was read.

    `filled` means that the mappings in a list may have keys with null that they lack in the source, as in Parquet files, where all
    mappings in a list have the same keys.
    """

    cells: dict[str, Any] | Unusable
    place: str
    filled: bool = False


@dataclass(frozen=True)
class SourceRequest:
    """A source's entry in the YAML, with the other values that readers need.

    Attributes:
        key: the source's place in the YAML, for messages.
        kind: `pretrain` (texts) or `sft` (conversations).
        columns: the names of all columns that were found, in order; the values are unused.
        notes: sentences about the source as a whole, to be printed when all rows are read.
    """

    key: str
    source: Source
    kind: str
    columns: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def needed_columns(self, known: list[str]) -> list[str]:
        """The columns of a file that must be read, for `meta.name` the column `meta`.

        Args:
            known: the file's columns. A needed column that is not among them counts as empty in every row.
        """
        self.columns.update(dict.fromkeys(known))
        wanted = [self.source.column, *(EXTRA_COLUMNS if self.kind == "sft" else [])]
        wanted += [column if column in known else column.partition(".")[0] for column in self.source.where]
        return [column for column in dict.fromkeys(wanted) if column in known]

    def check_once(self, known: list[str], place: str) -> None:
        """Refuse a file in which two columns have the same name, if that column must be read.

        Raises:
            SourceError: if so; the message names the file and the column.
        """
        for column in self.needed_columns(known):
            if known.count(column) > 1:
                raise SourceError(
                    f"{place}: the column '{column}' stands twice; rename or drop the one that is not meant, or take the file out "
                    f"of {self.key}"
                )

    def no_column(self, column: str, place: str) -> SourceError:
        """The error for a column that no row has."""
        where = f"{self.key}.column" if column == self.source.column else f"{self.key}.where"
        known = f"set {where} to one of {', '.join(self.columns)}" if self.columns else f"correct {where}"
        return SourceError(f"{place}: there is no column '{column}'; {known}")
