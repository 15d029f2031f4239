"""A finding: one thing that is wrong with a campaign, or that its owner should know, in one line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Something that a campaign's owner should know.

    Attributes:
        kind: a short word that groups findings, for example `failed` or `left out`.
        sentence: the trouble, with its counts; no line breaks.
        command: the command that helps, as it is typed; None if there is nothing to type.
    """

    kind: str
    sentence: str
    command: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.sentence}" + (f"; {self.command}" if self.command else "")
