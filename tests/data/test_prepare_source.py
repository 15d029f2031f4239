"""Prepared sources: rows that are the documents, splits that share none, cards that tell the truth."""

import os
import shutil
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_campaign import CHAT, campaign, talks, texts, write_jsonl

from admire.campaign.schema.sources import HeldOut
from admire.data.conversation import Conversation
from admire.data.documents import Read
from admire.data.prepared_source import check_files, prepare_source, read_card
from admire.data.rows import load_split
from admire.data.splits import split_of
from admire.data.tokenise import batches, tokeniser
from admire.data.tokenizers import load_tokenizer
from admire.data.windows import Windows
from admire.errors import ConfigError, SourceError
from admire.trials.atomic_files import read_json

HELD_OUT = HeldOut(validation=0.2, test=0.2)


def prepare(folder, tokenizer_path, entry, **changes):
    """Prepare the source `mine`; its folder."""
    tokenizer = {"path": tokenizer_path} | ({"chat_template": CHAT} if changes.get("kind") == "sft" else {})
    wanted = campaign(
        folder / "results", {"mine": entry, "other": {"corpus": "stories"}}, tokenizer=tokenizer, **changes
    )
    return wanted, prepare_source(wanted, "mine").parent


def jsonl(folder, rows, column="text"):
    return {"files": write_jsonl(folder / "rows.jsonl", [{column: row} for row in rows]), "column": column}


def decoded(folder, split, tokenizer_path):
    tokenizer = load_tokenizer({"path": tokenizer_path}, folder)
    return tokenizer.decode([token for row in load_split(folder, split)["input_ids"] for token in row])


def test_rows_are_the_documents_of_their_split(tmp_path, tokenizer_path):
    _, folder = prepare(tmp_path, tokenizer_path, jsonl(tmp_path, texts()))
    wanted = "".join(text + "<|endoftext|>" for text in texts() if split_of(text, HELD_OUT) == "train")
    found = decoded(folder, "train", tokenizer_path)
    assert wanted.startswith(found.rstrip("\ufffd"))
    assert len(wanted) - len(found) < 16 * 4  # less than a window is lost
    assert {len(row) for row in load_split(folder, "train")["input_ids"]} == {16}


def test_no_document_is_in_two_splits_even_when_it_comes_twice(tmp_path, tokenizer_path):
    rows = [f"<{i}> tells {'nothing ' * 4}" for i in range(40)]
    _, folder = prepare(
        tmp_path,
        tokenizer_path,
        jsonl(tmp_path, rows + rows[::-1]),
        held_out={"validation": 0.2, "test": 0.2, "max_rows": 999},
    )
    seen = {split: decoded(folder, split, tokenizer_path) for split in ("train", "validation", "test")}
    for row in rows:
        holders = [split for split, text in seen.items() if row[: row.index(">") + 1] in text]
        assert holders in ([], [split_of(row, HELD_OUT)])


@given(st.lists(st.text(min_size=1, max_size=80), min_size=1, max_size=30), st.integers(2, 9))
def test_bytes_are_counted_to_the_byte(rows, length):
    tokenise, tokenizer = (getattr(test_bytes_are_counted_to_the_byte, name) for name in ("tokenise", "tokenizer"))
    windows = Windows(length)
    kept = [text for text in rows if text.strip() and split_of(text, HELD_OUT) == "train"]
    texts_ = [tokenise(batch).splits.get("train") for batch in batches(Read(text, "here") for text in rows)]
    found = [rows for rows in (windows.cut("train", text) for text in texts_ if text) if rows]
    counted = sum(int(rows.bytes.sum()) for rows in found)
    tokens = sum(len(tokenizer(text)["input_ids"]) + 1 for text in kept)
    assert sum(len(rows.input_ids) for rows in found) == tokens // length * length
    whole = len("".join(kept).encode())
    assert counted <= whole
    if tokens % length == 0:
        assert counted == whole


@pytest.fixture(autouse=True)
def _for_given(tokenizer_path):
    sources = {name: {"corpus": "stories"} for name in "ab"}
    wanted = campaign("results", sources, tokenizer={"path": tokenizer_path}, held_out=HELD_OUT.model_dump())
    test_bytes_are_counted_to_the_byte.tokenise = tokeniser(wanted)
    test_bytes_are_counted_to_the_byte.tokenizer = load_tokenizer({"path": tokenizer_path}, Path("results"))


def test_what_a_text_says_about_control_tokens_is_text(tmp_path, tokenizer_path):
    rows = [f"{i} says <|endoftext|> and <|assistant|>" for i in range(60)]
    _, folder = prepare(tmp_path, tokenizer_path, jsonl(tmp_path, rows))
    tokenizer = load_tokenizer({"path": tokenizer_path}, folder)
    tokens = Counter(token for row in load_split(folder, "train")["input_ids"] for token in row)
    assert tokens[tokenizer.convert_tokens_to_ids("<|assistant|>")] == 0
    assert 0 < tokens[tokenizer.eos_token_id] <= 60


def test_the_card_counts_what_is_there(tmp_path, tokenizer_path):
    rows = [*texts(), "   ", "\n"]
    _, folder = prepare(tmp_path, tokenizer_path, jsonl(tmp_path, rows))
    card = read_card(folder)
    assert card["documents"] == 62
    assert card["dropped"]["blank"] == 2
    assert card["files"][0]["path"] == str(tmp_path / "rows.jsonl")
    for split, said in card["splits"].items():
        found = load_split(folder, split)
        assert said["rows"] == len(found)
        assert said["tokens"] == sum(map(len, found["input_ids"]))
        assert said["bytes"] == sum(found["bytes"])
    assert card["splits"]["validation"]["rows"] == card["splits"]["test"]["rows"] == 8


def test_held_out_rows_are_spread_over_the_split(tmp_path, tokenizer_path):
    _, few = prepare(tmp_path / "few", tokenizer_path, jsonl(tmp_path, texts(400)))
    _, all_ = prepare(
        tmp_path / "all",
        tokenizer_path,
        jsonl(tmp_path, texts(400)),
        held_out={"validation": 0.2, "test": 0.2, "max_rows": 9999},
    )
    every = [tuple(row) for row in load_split(all_, "test")["input_ids"]]
    places = [every.index(tuple(row)) for row in load_split(few, "test")["input_ids"]]
    assert places == sorted(places)
    assert max(places) > len(every) / 2
    train = {split: read_card(folder)["splits"]["train"]["sha256"] for split, folder in (("few", few), ("all", all_))}
    assert train["few"] == train["all"]


def test_equal_text_gives_equal_rows_from_every_origin(tmp_path, tokenizer_path):
    rows = texts(60)
    (tmp_path / "hub").mkdir()
    (tmp_path / "txt").mkdir()
    pq.write_table(pa.table({"text": rows}), tmp_path / "rows.parquet")
    pq.write_table(pa.table({"text": rows}), tmp_path / "hub" / "train.parquet", row_group_size=7)
    for i, text in enumerate(rows):
        (tmp_path / "txt" / f"{i:02d}.txt").write_text(text, encoding="utf-8")
    entries = [
        jsonl(tmp_path, rows),
        {"files": str(tmp_path / "rows.parquet")},
        {"files": str(tmp_path / "txt" / "*.txt")},
        {"dataset": str(tmp_path / "hub")},
    ]
    cards = [read_card(prepare(tmp_path / str(i), tokenizer_path, entry)[1]) for i, entry in enumerate(entries)]
    assert all(card["splits"] == cards[0]["splits"] for card in cards)


def test_conversations_are_masked_cut_and_counted(tmp_path, tokenizer_path):
    silent = [
        [{"role": "user", "content": f"{i} " + "long " * 40}, {"role": "assistant", "content": "lost"}]
        for i in range(5)
    ]
    entry = jsonl(tmp_path, talks() + silent, "messages")
    training = {"kind": "sft", "sequence_length": 40, "batch_size": 4, "learning_rate": 1e-3}
    _, folder = prepare(tmp_path, tokenizer_path, entry, kind="sft", training=training)
    card, tokenizer = read_card(folder), load_tokenizer({"path": tokenizer_path}, folder)
    assert card["dropped"]["behind_the_cut"] == 5
    wanted = [talk for talk in talks() if split_of(Conversation(talk), HELD_OUT) == "train"]
    rows = load_split(folder, "train")
    assert len(rows) == len(wanted)
    for row, talk in zip(rows, wanted, strict=True):
        assert len(row["input_ids"]) == len(row["assistant_masks"]) <= 40
        said = [token for token, mask in zip(row["input_ids"], row["assistant_masks"], strict=True) if mask]
        answer = talk[1]["content"]
        assert f"{answer}<|end|>".startswith(tokenizer.decode(said))
        assert row["bytes"] == len(tokenizer.decode(said, skip_special_tokens=True).encode())


def test_fine_tuning_on_all_tokens_counts_all_of_them(tmp_path, tokenizer_path):
    training = {"kind": "sft", "sequence_length": 90, "batch_size": 4, "learning_rate": 1e-3, "loss_on": "all"}
    _, folder = prepare(tmp_path, tokenizer_path, jsonl(tmp_path, talks(), "messages"), kind="sft", training=training)
    first = next(talk for talk in talks() if split_of(Conversation(talk), HELD_OUT) == "train")
    row = load_split(folder, "train")[0]
    assert set(row["assistant_masks"]) == {1}
    assert row["bytes"] == sum(len(turn["content"].encode()) for turn in first)


def test_preparing_again_does_nothing_and_brings_a_lost_card_back(tmp_path, tokenizer_path):
    wanted, folder = prepare(tmp_path, tokenizer_path, jsonl(tmp_path, texts()))
    arrow = next((folder / "train").glob("*.arrow"))
    card = (folder / "card.json").read_bytes()
    os.utime(arrow, (1, 1))  # nothing that is written now has this time
    (folder / "card.json").unlink()  # as Snakemake does with outputs of a job it thinks incomplete
    prepare_source(wanted, "mine")
    assert (folder / "card.json").read_bytes() == card
    assert arrow.stat().st_mtime == 1


def test_what_a_killed_run_left_is_cleared(tmp_path, tokenizer_path):
    wanted, folder = prepare(tmp_path, tokenizer_path, jsonl(tmp_path, texts()))
    sha = read_json(folder / "card.json")["splits"]
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.move(folder, partial)
    (partial / "card.json").unlink()
    (folder / "leftover").mkdir(parents=True)
    assert read_json(prepare_source(wanted, "mine"))["splits"] == sha
    assert not partial.exists()
    assert not (folder / "leftover").exists()


def test_changed_files_are_found(tmp_path, tokenizer_path):
    write_jsonl(tmp_path / "in" / "a.jsonl", [{"text": text} for text in texts()])
    wanted, folder = prepare(tmp_path, tokenizer_path, {"files": str(tmp_path / "in" / "*.jsonl")})
    card, file = read_card(folder), tmp_path / "in" / "a.jsonl"
    check_files(wanted, "mine", card)
    os.utime(file, (1, 1))  # touched, not changed
    check_files(wanted, "mine", card)
    content = file.read_bytes()
    file.write_bytes(content.replace(b"Document 7", b"Document 9"))  # of the same size
    with pytest.raises(SourceError, match=r"a\.jsonl: this file changed .*sources\.mine\.revision .*new campaign name"):
        check_files(wanted, "mine", card)
    file.write_bytes(content)
    extra = Path(write_jsonl(tmp_path / "in" / "b.jsonl", [{"text": "more"}]))
    with pytest.raises(SourceError, match=r"b\.jsonl: this file is new"):
        check_files(wanted, "mine", card)
    extra.unlink()
    check_files(wanted, "mine", card)
    file.rename(tmp_path / "in" / "c.jsonl")
    with pytest.raises(SourceError, match=r"a\.jsonl: this file is gone"):
        check_files(wanted, "mine", card)


def test_mistakes_are_refused_in_a_sentence(tmp_path, tokenizer_path):
    with pytest.raises(
        SourceError, match=r"sources\.mine: its 2 documents leave no row for the \w+ split; give it more"
    ):
        prepare(tmp_path, tokenizer_path, jsonl(tmp_path, ["a", "b"]))
    assert not list((tmp_path / "results").glob("sources/mine/*/card.json"))
    with pytest.raises(SourceError, match=r"rows\.jsonl:2: the text holds half a surrogate pair"):
        prepare(tmp_path, tokenizer_path, jsonl(tmp_path, ["a", "b\ud800"]))
    wanted, _ = prepare(tmp_path, tokenizer_path, jsonl(tmp_path, texts()))
    with pytest.raises(ConfigError, match=r"none called 'yours'; the sources are mine, other"):
        prepare_source(wanted, "yours")


def test_chat_templates_that_cannot_mask_are_refused(tmp_path, tokenizer_path):
    template = tmp_path / "plain.jinja"
    template.write_text("{% for m in messages %}{{ m.content }}{% endfor %}", encoding="utf-8")
    entry = jsonl(tmp_path, talks(), "messages")
    for tokenizer, sentence in (
        ({"path": tokenizer_path}, "has no chat template of its own"),
        ({"path": tokenizer_path, "chat_template": str(template)}, r"does not mark the assistant's turns"),
    ):
        wanted = campaign(tmp_path, {"mine": entry, "other": entry}, kind="sft", tokenizer=tokenizer)
        with pytest.raises(ConfigError, match=sentence):
            prepare_source(wanted, "mine")
    template.write_text(
        "{{ raise_exception('roles must alternate') }}{% generation %}{% endgeneration %}", encoding="utf-8"
    )
    with pytest.raises(SourceError, match=r"rows\.jsonl:1: the chat template refuses .*roles must alternate"):
        prepare_source(wanted, "mine")
