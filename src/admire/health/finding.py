"""One thing that is wrong, or that somebody should know, in one line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """Something that a campaign's owner should know.

    Attributes:
        kind: a short word that groups findings, e.g. `failed` or `rows left out`.
        sentence: what is so, with its counts; no line breaks.
        command: what helps, as it is typed; None where there is nothing to type.
    """

    kind: str
    sentence: str
    command: str | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.sentence}" + (f"; {self.command}" if self.command else "")
