"""A corpus of any size, to measure what preparing a source costs, and plain `datasets.map` on the same text beside it.

`python benchmarks/data/corpus_size.py write FOLDER MEGABYTES` writes `text.jsonl` (what this Python carries, over and over), a
tokenizer trained on it and `campaign.yaml`; `... compare FOLDER` prepares it and tokenises it
by `datasets.map` by turns. See benchmarks/data/README.md.
"""

import itertools
import json
import shutil
import sys
import time
from pathlib import Path

from admire.campaign.loading import load
from admire.data.corpora import CORPORA
from admire.data.prepared_source import prepare_source
from admire.data.tokenizers import train_tokenizer

VOCABULARY = 32_000
WINDOW = 2048
MEGABYTE = 1_000_000
REPEATS = 3


def write(folder: Path, megabytes: int) -> None:
    """The corpus, its tokenizer and a campaign over it."""
    folder.mkdir(parents=True)
    texts = [text for name in ("stdlib-code", "docs", "packages", "stories") for text in CORPORA[name]()]
    left = megabytes * MEGABYTE
    with open(folder / "text.jsonl", "w", encoding="utf-8") as stream:
        for number, text in enumerate(itertools.cycle(texts)):
            left -= stream.write(json.dumps({"text": f"{number}\n{text}"}, ensure_ascii=False) + "\n")
            if left < 0:
                break
    source = {"files": str(folder / "text.jsonl")}
    campaign = {
        "name": "corpus-size",
        "results": str(folder / "results"),
        "sources": {"text": source, "stories": {"corpus": "stories"}},
        "tokenizer": {"vocabulary": VOCABULARY},
        "mixture": {"rows": 100},
        "models": [{"name": "S", "cost": 1, "target": True, "architecture": {"model_type": "llama"}}],
        "training": {"sequence_length": WINDOW, "batch_size": 4, "learning_rate": 1e-3},
        "evaluation": {"loss": {"kind": "domain-loss"}},
        "objective": {"loss/text": -1},
        "budget": {"total": 10},
    }
    (folder / "campaign.yaml").write_text(json.dumps(campaign), encoding="utf-8")
    train_tokenizer(load(folder / "campaign.yaml"))


def compare(folder: Path) -> None:
    """MB per CPU-second of both, by turns, imports aside."""
    import datasets
    from transformers import PreTrainedTokenizerFast

    campaign, megabytes = load(folder / "campaign.yaml"), (folder / "text.jsonl").stat().st_size / MEGABYTE
    tokenizer = PreTrainedTokenizerFast.from_pretrained(next((folder / "results" / "tokenizers").glob("*/")))
    datasets.disable_progress_bars()
    rows = datasets.load_dataset(
        "json", data_files=str(folder / "text.jsonl"), split="train", cache_dir=folder / "cache"
    )

    def plain_map() -> None:
        """What `datasets` documents, written to its cache."""
        rows.map(
            lambda batch: tokenizer(batch["text"]), batched=True, remove_columns="text", load_from_cache_file=False
        )

    def prepare() -> None:
        prepare_source(campaign, "text")
        shutil.rmtree(folder / "results" / "sources")

    for _ in range(REPEATS):
        for work in (plain_map, prepare):
            started, cpu = time.monotonic(), time.process_time()
            work()
            wall, spent = time.monotonic() - started, time.process_time() - cpu
            print(f"{work.__name__}: {megabytes / spent:.2f} MB/CPU-s, {megabytes / wall:.2f} MB/s", flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        compare(Path(sys.argv[2]))
