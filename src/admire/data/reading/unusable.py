"""A row that cannot become a document: what is wrong with it, and what would mend it."""

from __future__ import annotations

from typing import Any


class Unusable(Exception):
    """A row that cannot become a document."""

    def __init__(self, reason: str, what: str, mend: str = "mend it", key: str | None = None) -> None:
        """What is known of it but its place.

        Args:
            reason: one of `left_out.WORDS`, for counting.
            what: what is wrong.
            mend: what to do about it.
            key: a key that may be left out instead, if the user says so; then there is no `mend`.
        """
        super().__init__(what)
        self.reason, self.what, self.mend, self.key = reason, what, "" if key else mend, key

    @classmethod
    def unknown(cls, key: Any, place: str) -> Unusable:
        """A key that nobody knows."""
        return cls("unknown_key", f"{place}: the key '{str(key)[:60]}' is not known", key=str(key)[:60])
