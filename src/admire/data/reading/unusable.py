"""The error for a row that cannot become a document, with its fault and the fix."""

from __future__ import annotations

from typing import Any


class Unusable(Exception):
    """A row that cannot become a document."""

    def __init__(self, reason: str, what: str, mend: str = "correct it", key: str | None = None) -> None:
        """Describe the fault. The place of the row is added by the caller.

        Args:
            reason: a key of `left_out.WORDS`, by which faults are counted.
            what: the fault, as text.
            mend: the fix, as text.
            key: a key that the user may list in `ignore_keys` instead; the fix is then to do that, and `mend` is unused.
        """
        super().__init__(what)
        self.reason, self.what, self.mend, self.key = reason, what, "" if key else mend, key

    @classmethod
    def unknown(cls, key: Any, place: str) -> Unusable:
        """The error for an unknown key."""
        return cls("unknown_key", f"{place}: the key '{str(key)[:60]}' is not known", key=str(key)[:60])
