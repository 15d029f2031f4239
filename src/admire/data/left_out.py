"""The report on rows that a preparation left out or cut: how many, why, and the first one of each kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from admire.errors import SourceError

SAID_ABOVE = 0.01  # Above this fraction the report is in capital letters, so that nobody overlooks it.
A_HANDFUL = 10  # No source is refused for so few rows, even if they are a large fraction of a small source.

WORDS = {
    "blank": "blank",
    "no_text": "that hold half a surrogate pair, which is no character",
    "without_assistant": "with no turn of an assistant",
    "behind_the_cut": "whose first answer begins behind the length that rows are cut to",
    "nothing_learnt": "of which no turn is to be learnt",
    "not_json": "that are not JSON",
    "not_utf8": "that are not UTF-8",
    "no_object": "that are not JSON objects with columns",
    "nothing": "with an empty or missing column",
    "other_type": "that hold another type than text",
    "no_conversation": "that hold no conversation",
    "no_content": "with a turn that has neither content nor a tool call",
    "no_role": "with a turn without a known role",
    "unknown_key": "with an unknown key",
    "beside": "with a column beside the conversation that changes its meaning",
    "twice": "in which a key stands twice",
    "two_forms": "with a turn in two forms at once",
    "not_text": "with a part that is not text",
    "tool_call": "with a tool call that cannot be read",
    "tools": "with tools that cannot be read",
    "weight": "with a weight that is neither 0 nor 1",
    "too_deep": "with brackets nested too deep",
    "too_long": "that are longer than a document may be",
}


class LeftOut(NamedTuple):
    """Takes the place of a document that is left out.

    Attributes:
        reason: a key of `WORDS`, or a text like its values; the same for all rows with this fault.
        sentence: a sentence about this row, with its fault and the fix.
    """

    reason: str
    sentence: str


def is_unchecked(card: dict[str, Any]) -> bool:
    """Whether a card is of conversations that an earlier version prepared, without checking which tokens count in the loss."""
    return card.get("recipe", {}).get("kind") == "sft" and "first_dropped" not in card


@dataclass
class Tally:
    """Counts of the documents that were read, left out and cut.

    Attributes:
        documents: number of documents read, including those that are left out.
        cut: number of rows that were longer than `training.sequence_length` and lost their end.
        left_out: reason -> number of documents left out.
        first: reason -> a sentence about the first of these documents, with its place.
        notes: sentences about the source as a whole.
    """

    documents: int = 0
    cut: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def leave_out(self, reason: str, sentence: str) -> None:
        """Count a document that is left out."""
        self.left_out[reason] += 1
        self.first.setdefault(reason, sentence)

    def add(self, later: Tally) -> None:
        """Add the counts of documents that come after these."""
        self.documents += later.documents
        self.cut += later.cut
        self.left_out.update(later.left_out)
        self.first = later.first | self.first
        self.notes += [note for note in later.notes if note not in self.notes]

    def to_json(self) -> dict[str, Any]:
        """The counts in the form in which shards and cards have them."""
        dropped = {"blank": 0, "without_assistant": 0} | dict(self.left_out)
        notes = {"notes": self.notes} if self.notes else {}
        return {
            "documents": self.documents,
            "dropped": dropped,
            "truncated": self.cut,
            "first_dropped": self.first,
            **notes,
        }

    @classmethod
    def of(cls, held: dict[str, Any]) -> Tally:
        """The counts in a shard or a card. Those of earlier versions have fewer of them."""
        dropped = {reason: n for reason, n in held.get("dropped", {}).items() if n}
        first = dict(held.get("first_dropped", {}))
        notes = list(held.get("notes", []))
        return cls(held.get("documents", 0), held.get("truncated", 0), Counter(dropped), first, notes)

    @property
    def fraction(self) -> float:
        """The fraction of documents that is left out."""
        return self.left_out.total() / max(self.documents, 1)

    def reasons(self) -> str:
        """Each reason with its count and its first document; empty if no document is left out."""
        return "; ".join(
            f"{n:,} {WORDS.get(reason, reason)}" + (f" (first: {self.first[reason]})" if reason in self.first else "")
            for reason, n in self.left_out.most_common()
        )

    def lines(self) -> dict[str, str]:
        """The report: lines `left out`, `cut` and `note`, as far as they apply, with capital letters above SAID_ABOVE."""
        said = {}
        if self.left_out.total():
            words = "LEFT OUT" if self.fraction > SAID_ABOVE else "left out"
            said["left out"] = f"{self._of(self.left_out.total())} {words}: {self.reasons()}"
        if self.cut:
            words = "CUT" if self.cut > SAID_ABOVE * self.documents else "cut"
            said["cut"] = (
                f"{self._of(self.cut)} {words} to training.sequence_length, the tokens after it are not trained on"
            )
        if self.notes:
            said["note"] = "; ".join(self.notes)
        return said

    def much(self) -> dict[str, str]:
        """The `lines` about fractions above SAID_ABOVE, and the notes."""
        return {kind: line for kind, line in self.lines().items() if kind == "note" or kind.upper() in line}

    def check(self, name: str, at_most: float) -> None:
        """Refuse a source of which too many documents are left out.

        Args:
            name: the source's name.
            at_most: the source's `left_out_at_most`, a fraction. Unless it is 0, A_HANDFUL documents may be left out anyway.

        Raises:
            SourceError: if it is more; the message has the number and the reasons.
        """
        if self.left_out.total() > max(at_most * self.documents, A_HANDFUL if at_most else 0):
            raise SourceError(
                f"sources.{name}: {self._of(self.left_out.total())} would be left out, more than "
                f"sources.{name}.left_out_at_most allows ({at_most:.2g}): {self.reasons()}; correct the data, "
                "or raise left_out_at_most if it is meant"
            )

    def _of(self, n: int) -> str:
        return f"{n:,} of {self.documents:,} documents ({100 * n / max(self.documents, 1):.3g} %)"
