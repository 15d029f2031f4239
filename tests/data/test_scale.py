"""Sources at scale: the same rows whatever the number of processes and whatever is killed; a bad document is named."""

import json
import os
import signal
import subprocess
import sys

import pytest
from ended_processes import all_end
from small_campaign import CHAT, campaign, talks, texts, write_jsonl

from admire.data import preparation, shards, tokenise
from admire.data.prepared_source import prepare_source
from admire.data.rows import load_split
from admire.data.shards import arrow_files
from admire.errors import SourceError
from admire.trials.atomic_files import read_json

SFT = {"kind": "sft", "sequence_length": 40, "batch_size": 4, "learning_rate": 1e-3}
# content of the sources below as prepared before there were shards
WHOLE = {
    "pretrain": "f3321a1a7e46e9716a25b4afbc306888d762feff6b47b8c114a0063ba0e6bcb7",
    "sft": "1789778a79d47f0e91b1963246cb5267e37e30e3568a6b0fa8c30679f0533ed1",
}


def wanted(folder, tokenizer_path, kind):
    """A campaign with the source `mine`: 1,201 texts, some of them blank or twice there, or 901 conversations."""
    if kind == "pretrain":
        rows = [{"text": text} for text in [*texts(900), "  ", *(text * 3 for text in texts(300))]]
        changes = {"tokenizer": {"path": tokenizer_path}}
    else:
        silent = [{"role": "user", "content": "long " * 40}, {"role": "assistant", "content": "lost"}]
        rows = [{"messages": talk} for talk in [*talks(900), silent]]
        changes = {"kind": "sft", "training": SFT, "tokenizer": {"path": tokenizer_path, "chat_template": CHAT}}
    entry = {"files": write_jsonl(folder / "rows.jsonl", rows), "column": next(iter(rows[0]))}
    return campaign(folder / "results", {"mine": entry, "other": {"corpus": "stories"}}, **changes)


def splits_of(card):
    return read_json(card)["splits"]


@pytest.mark.parametrize(("kind", "workers"), [("pretrain", 2), ("sft", 1)])
def test_shards_and_processes_leave_no_trace(tmp_path, tokenizer_path, kind, workers, monkeypatch):
    plain = prepare_source(wanted(tmp_path / "plain", tokenizer_path, kind), "mine")
    assert splits_of(plain)["train"]["sha256"] == WHOLE[kind]
    assert len(arrow_files(plain.parent / "train")) == 1
    monkeypatch.setattr(shards, "SHARD_TOKENS", 5000)
    monkeypatch.setattr(shards, "BATCH_TOKENS", 700)
    many = prepare_source(wanted(tmp_path / "many", tokenizer_path, kind), "mine", workers)
    assert {key: read_json(many)[key] for key in ("splits", "documents", "dropped", "truncated")} == {
        key: read_json(plain)[key] for key in ("splits", "documents", "dropped", "truncated")
    }
    assert len(arrow_files(many.parent / "train")) > 1
    assert not list(many.parent.glob("*shards*"))
    for split in ("train", "validation", "test"):
        assert load_split(many.parent, split)[:] == load_split(plain.parent, split)[:]


# a life of a preparation that is killed when it finishes its shard `last`, before or after it says so; it tells its workers
LIFE = """
import os, signal, sys
import psutil
from admire.campaign.loading import load
from admire.data import shards
from admire.data import prepared_source
path, workers, last, when = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
def killed(path, value, write=shards.write_json):
    end = path.name == f"finished-{last:05d}.json"
    if end:
        print(*(child.pid for child in psutil.Process().children()), flush=True)
    if end and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, value)
    if end:
        os.kill(os.getpid(), signal.SIGKILL)
shards.SHARD_TOKENS, shards.write_json = 5000, killed
if __name__ == "__main__":
    prepared_source.prepare_source(load(path), "mine", workers)
"""


def killed_life(folder, workers, last, when):
    """The processes that it had started."""
    (folder / "life.py").write_text(LIFE, encoding="utf-8")
    command = [sys.executable, "life.py", "campaign.yaml", str(workers), str(last), when]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return [int(pid) for pid in done.stdout.split()]


def test_a_killed_preparation_goes_on_behind_its_last_finished_shard(tmp_path, tokenizer_path, monkeypatch):
    asked = wanted(tmp_path, tokenizer_path, "pretrain")
    (tmp_path / "campaign.yaml").write_text(json.dumps(asked.model_dump(exclude_defaults=True)), encoding="utf-8")
    killed_life(tmp_path, workers=1, last=1, when="before")
    begun = next((tmp_path / "results" / "sources" / "mine").glob(".*.partial")) / "shards"
    assert [path.name for path in begun.glob("finished-*.json")] == ["finished-00000.json"]
    first = (begun / "train" / "data-00000.arrow").stat()
    assert all_end(killed_life(tmp_path, workers=2, last=2, when="after"))
    assert len(list(begun.glob("finished-*.json"))) == 3
    seen = []
    monkeypatch.setattr(
        preparation, "batches", lambda reads: tokenise.batches(seen.append(read) or read for read in reads)
    )
    card = prepare_source(asked, "mine")
    assert splits_of(card)["train"]["sha256"] == WHOLE["pretrain"]
    assert read_json(card)["documents"] == 1201
    assert 0 < len(seen) < 600
    last = (card.parent / "train" / "data-00000.arrow").stat()
    assert (first.st_ino, first.st_mtime_ns) == (last.st_ino, last.st_mtime_ns)


def test_what_was_begun_with_other_files_is_begun_again(tmp_path, tokenizer_path):
    asked = wanted(tmp_path, tokenizer_path, "pretrain")
    (tmp_path / "campaign.yaml").write_text(json.dumps(asked.model_dump(exclude_defaults=True)), encoding="utf-8")
    killed_life(tmp_path, workers=1, last=0, when="after")
    write_jsonl(tmp_path / "rows.jsonl", [{"text": text[::-1]} for text in texts(900)])
    assert read_json(prepare_source(asked, "mine"))["documents"] == 900


def test_a_bad_document_in_the_middle_is_named_by_the_process_that_meets_it(tmp_path, tokenizer_path):
    asked = wanted(tmp_path, tokenizer_path, "pretrain")
    lines = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    lines[699] = json.dumps({"text": "b\ud800"})
    (tmp_path / "rows.jsonl").write_text("\n".join(lines), encoding="utf-8")
    card = read_json(prepare_source(asked, "mine", workers=2))
    assert card["dropped"]["no_text"] == 1
    assert card["first_dropped"]["no_text"].endswith("which is no character; correct or drop the row")
    asked.sources["mine"] = asked.sources["mine"].model_copy(update={"bad_rows": "refuse", "revision": "again"})
    with pytest.raises(SourceError, match=r"rows\.jsonl:700: the text holds half a surrogate pair"):
        prepare_source(asked, "mine", workers=2)


def suicidal(campaign):
    """In the place of `tokeniser`: as when memory is short."""
    return lambda batch: os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_is_killed_is_told_in_a_sentence(tmp_path, tokenizer_path, monkeypatch):
    monkeypatch.setattr(preparation, "tokeniser", suicidal)
    with pytest.raises(
        SourceError, match=r"sources\.mine: a process .* \(signal 9\), .* for want of memory; give the job more memory"
    ):
        prepare_source(wanted(tmp_path, tokenizer_path, "pretrain"), "mine", workers=2)
