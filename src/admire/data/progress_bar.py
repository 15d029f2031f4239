"""Progress of long work: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tqdm import tqdm

SECONDS = 60  # between two lines of a log


class _Lines:
    """A log in which each state of a bar is a line of its own."""

    def write(self, text: str) -> None:
        """Write what tqdm draws, without its way back to the line's start."""
        if text.strip():
            sys.stderr.write(text.strip() + "\n")

    def flush(self) -> None:
        """Make the lines visible."""
        sys.stderr.flush()


def progress(desc: str, unit: str, total: int | None = None) -> tqdm:
    """A counter to call `update(n)` on and to close."""
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
        mininterval=SECONDS,
        delay=SECONDS,
        leave=False,
        bar_format=f"{{desc}}: {{n_fmt}}{whole}{{unit}} in {{elapsed}}, {{rate_fmt}}",
    )
