"""What is asked of a source's rows, in the one form that all readers are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from admire.campaign.schema.sources import Source
from admire.data.reading.beside import BESIDE
from admire.data.reading.unusable import Unusable
from admire.errors import SourceError


class Row(NamedTuple):
    """The cells of a row that are asked for, or what is wrong with it, and where it was read.

    `filled` says that the reader gives each mapping in a list the keys of all of them, null where there was none.
    """

    cells: dict[str, Any] | Unusable
    place: str
    filled: bool = False


@dataclass(frozen=True)
class Asked:
    """A source's entry, and what readers must know beside it.

    Attributes:
        key: the source's place in the YAML, for messages.
        kind: `pretrain` (texts) or `sft` (conversations).
        columns: names of columns that were met, for messages.
        notes: sentences about the rows as a whole, which should be said when all are read.
    """

    key: str
    source: Source
    kind: str
    columns: dict[str, None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def of(self, known: list[str]) -> list[str]:
        """Which of a file's columns are to be read; of `meta.name` that is `meta`.

        A column that this file lacks is one whose cells are all empty.
        """
        self.columns.update(dict.fromkeys(known))
        wanted = [self.source.column, *(BESIDE if self.kind == "sft" else [])]
        wanted += [column if column in known else column.partition(".")[0] for column in self.source.where]
        return [column for column in dict.fromkeys(wanted) if column in known]

    def check_once(self, known: list[str], place: str) -> None:
        """Refuse a file two of whose columns have one name, where it is one that is read.

        Raises:
            SourceError: names the file and the column.
        """
        for column in self.of(known):
            if known.count(column) > 1:
                raise SourceError(
                    f"{place}: the column '{column}' stands twice; rename or drop the one that is not meant, or take the file out "
                    f"of {self.key}"
                )

    def no_column(self, column: str, place: str) -> SourceError:
        """What is said of a column that no row has."""
        where = f"{self.key}.column" if column == self.source.column else f"{self.key}.where"
        known = f"set {where} to one of {', '.join(self.columns)}" if self.columns else f"correct {where}"
        return SourceError(f"{place}: there is no column '{column}'; {known}")
