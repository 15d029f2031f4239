"""Pre-training mixtures of any size, to measure what building and opening one costs.

`python benchmarks/data/mixture_size.py write RESULTS ROWS LENGTH` writes 17 prepared sources, a tenth more rows of LENGTH
tokens than the ROWS that a trial draws, and the trial's spec; `... open TRIAL` opens the built trial and reads rows in
training order.
See benchmarks/data/README.md.
"""

import resource
import sys
import time
from pathlib import Path

import numpy as np
from synthetic_sources import write_trial

from admire.campaign.layout import TrialLayout

SOURCES = 17
READ = 20_000
BATCH = 32


def write(results: Path, drawn: int, length: int) -> TrialLayout:
    """Sources of very different sizes: the largest is some seventy times the smallest."""
    shares = 1.3 ** -np.arange(SOURCES)
    rows = np.ceil(1.1 * drawn * shares / shares.sum()).astype(int)
    return write_trial(results, "pretrain", {f"domain-{i:02d}": int(n) for i, n in enumerate(rows)}, drawn, length)


def open_trial(trial: TrialLayout) -> None:
    """Times and the peak memory, imports aside."""
    from admire.data.rows import load_rows

    before, started = _peak(), time.monotonic()
    rows = load_rows(trial)
    opened = time.monotonic()
    at_open = _peak()
    read = min(READ, len(rows))
    for start in range(0, read, BATCH):
        rows[start : start + BATCH]
    seconds = time.monotonic() - opened
    print(
        f"{len(rows):,} rows opened in {opened - started:.2f} s, {at_open - before:.0f} MB more; {read / seconds:,.0f} rows/s"
    )


def _peak() -> float:
    """This process's peak memory in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


if __name__ == "__main__":
    if sys.argv[1] == "write":
        print(write(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])).folder)
    else:
        open_trial(TrialLayout(Path(sys.argv[2])))
