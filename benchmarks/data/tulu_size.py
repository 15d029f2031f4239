"""Synthetic sources of the size of the Tülu 3 SFT mixture, to measure what a trial's data costs.

`python benchmarks/data/tulu_size.py RESULTS` writes 19 prepared sources (939,344 rows of eight tokens) and the spec of a trial
that draws 200,000 of them, and prints the trial's folder. See benchmarks/data/tulu.md.
"""

import sys
from pathlib import Path

from synthetic_sources import write_trial

ROWS = {
    "personahub_math": 149_960,
    "evol_codealpaca": 107_276,
    "wildchat": 100_000,
    "aya": 100_000,
    "flan": 89_982,
    "numinamath": 64_312,
    "open_math_gsm8k": 50_000,
    "wildguardmix": 50_000,
    "wildjailbreak": 50_000,
    "personahub_grade": 49_980,
    "personahub_code": 34_999,
    "personahub_ifdata": 29_980,
    "personahub_algebra": 20_000,
    "coconot": 10_983,
    "sciriff": 10_000,
    "no_robots": 9_500,
    "oasst1": 7_132,
    "table_gpt": 5_000,
    "hard_coded": 240,
}
DRAWN = 200_000
LENGTH = 8

if __name__ == "__main__":
    print(write_trial(Path(sys.argv[1]), "sft", ROWS, DRAWN, LENGTH).folder)
