"""Synthetic sources of the size of the Tülu 3 SFT mixture, to measure what a trial's data costs.

`python tests/data/tulu_size.py RESULTS` writes 19 prepared sources (939,344 rows of eight tokens) and the spec of a trial
that draws 200,000 of them, and prints the trial's folder. See results/benchmarks/mixing/README.md.
"""

import hashlib
import sys
from pathlib import Path

import datasets
import numpy as np
from small_campaign import campaign

from admire.campaign.layout import Layout, TrialLayout
from admire.campaign.recipes import source_digest
from admire.data.sources import contents
from admire.trials.files import write_json
from admire.trials.spec import make_spec

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


def write_trial(results: Path) -> TrialLayout:
    """Prepared sources and a spec by natural proportions, as the workflow would have left them."""
    sources = {name: {"corpus": "chat-small-talk"} for name in ROWS}
    wanted = campaign(
        results, sources, kind="sft", tokenizer={"path": "none"}, mixture={"rows": DRAWN, "max_epochs": 1}
    )
    layout, cards = Layout(results), {}
    for name, rows in ROWS.items():
        folder = layout.source(name, source_digest(wanted, name))
        tokens = np.arange(rows * LENGTH, dtype=np.int32).reshape(rows, LENGTH) + int.from_bytes(name.encode()[:2])
        made = datasets.Dataset.from_dict({"input_ids": tokens, "bytes": np.full(rows, LENGTH, np.int32)})
        made.save_to_disk(folder / "train")
        cards[name] = {
            "splits": {"train": contents(made)},
            "tokenizer_sha256": hashlib.sha256(b"none").hexdigest(),
        }
        write_json(folder / "card.json", cards[name])
    spec = make_spec(wanted, cards, wanted.target, np.array(list(ROWS.values()), dtype=float))
    trial = layout.trial(spec.model, spec.digest)
    write_json(trial.spec, spec.as_dict())
    return trial


if __name__ == "__main__":
    print(write_trial(Path(sys.argv[1])).folder)
