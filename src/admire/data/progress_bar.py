"""Shows the progress of long work: a bar on a terminal, elsewhere a line per minute."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm

SECONDS_BETWEEN_LINES = 60


class _Lines:
    """A stream for tqdm that writes each state of the bar as a line of its own to stderr."""

    def write(self, text: str) -> None:
        """Write tqdm's text without the carriage return that would overwrite the line before."""
        if text.strip():
            sys.stderr.write(text.strip() + "\n")

    def flush(self) -> None:
        """Flush stderr."""
        sys.stderr.flush()


def progress(desc: str, unit: str, total: int | None = None) -> tqdm:
    """A tqdm counter: call `update(n)` as work is done, and close it, or use it in a `with` block.

    Args:
        desc: the text in front of the counter.
        unit: the things that are counted, in the plural.
        total: their number; None if it is unknown.
    """
    from tqdm import tqdm

    if sys.stderr.isatty():
        return tqdm(desc=desc, unit=f" {unit}", total=total, unit_scale=True)
    whole = "" if total is None else " of {total_fmt}"
    return tqdm(
        desc=desc,
        unit=f" {unit}",
        total=total,
        unit_scale=True,
        file=_Lines(),
        mininterval=SECONDS_BETWEEN_LINES,
        delay=SECONDS_BETWEEN_LINES,
        leave=False,
        bar_format=f"{{desc}}: {{n_fmt}}{whole}{{unit}} in {{elapsed}}, {{rate_fmt}}",
    )
