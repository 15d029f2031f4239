"""Prepared sources of any size and the spec of a trial that draws from them, as the workflow would have left them."""

import hashlib
import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[2] / "tests/data"))
from small_campaign import campaign

from admire.campaign.layout import Layout, TrialLayout
from admire.campaign.recipes import source_digest
from admire.data.contents import contents
from admire.data.shards import Shards
from admire.data.tokenise import Rows
from admire.trials.atomic_files import write_json
from admire.trials.identity import make_spec

PIECE = 1 << 20  # tokens


def write_trial(results: Path, kind: str, rows: dict[str, int], drawn: int, length: int) -> TrialLayout:
    """Write the sources and a spec by natural proportions.

    Args:
        rows: source -> training rows that it holds.
        drawn: rows of the trial.
        length: tokens in a row.
    """
    corpus = "chat-small-talk" if kind == "sft" else "stories"
    wanted = campaign(
        results,
        {name: {"corpus": corpus} for name in rows},
        kind=kind,
        tokenizer={"path": "none"},
        mixture={"rows": drawn, "max_epochs": 1},
    )
    layout, cards = Layout(results), {}
    for number, (name, available) in enumerate(rows.items()):
        folder = layout.source(name, source_digest(wanted, name))
        shards = Shards(folder, with_masks=False)
        for start in range(0, available, PIECE // length):
            n = min(PIECE // length, available - start)
            tokens = np.arange(start * length, (start + n) * length, dtype=np.int32) + number
            shards.write("train", Rows(tokens, np.full(n, length), np.full(n, length, np.int32)))
            if shards.full:
                shards.finish({})
        shards.finish({})
        cards[name] = {
            "splits": {"train": contents(shards.files("train"))},
            "tokenizer_sha256": hashlib.sha256(b"none").hexdigest(),
        }
        write_json(folder / "card.json", cards[name])
    spec = make_spec(wanted, cards, wanted.target, np.array(list(rows.values()), dtype=float))
    trial = layout.trial(spec.model, spec.digest)
    write_json(trial.spec, spec.as_dict())
    return trial
