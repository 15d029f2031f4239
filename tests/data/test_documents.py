"""Reading sources: every origin gives the same documents, every mistake one sentence with file, key and mend."""

import itertools
import json
import re

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_campaign import talks, texts, write_jsonl

from admire.campaign.schema.sources import Source
from admire.data.corpora import CORPORA
from admire.data.documents import documents, inspect, local_files
from admire.data.reading.decompression import COMPRESSIONS
from admire.data.reading.formats import READERS
from admire.errors import SourceError


def read(kind="pretrain", **entry):
    found = [found.document for found in documents("mine", Source(**entry), kind)]
    return [document.turns for document in found] if kind == "sft" else found


def test_all_origins_give_the_same_texts(tmp_path):
    wanted = texts(12)
    folder = tmp_path / "hub" / "data"
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"text": wanted}), folder / "train-00000-of-00001.parquet")
    pq.write_table(pa.table({"text": wanted}), tmp_path / "all.parquet")
    for i, text in enumerate(wanted):
        (tmp_path / f"{i:02d}.txt").write_text(text, encoding="utf-8")
    assert read(files=write_jsonl(tmp_path / "all.jsonl", [{"text": text} for text in wanted])) == wanted
    assert read(files=str(tmp_path / "all.parquet")) == wanted
    assert read(files=str(tmp_path / "*.txt")) == wanted
    assert read(dataset=str(tmp_path / "hub")) == wanted


def test_all_origins_give_the_same_conversations(tmp_path):
    wanted = talks(5)
    table = pa.Table.from_pylist([{"messages": talk} for talk in wanted])
    (tmp_path / "hub").mkdir()
    pq.write_table(table, tmp_path / "all.parquet")
    pq.write_table(table, tmp_path / "hub" / "train.parquet")
    lines = write_jsonl(tmp_path / "all.jsonl", [{"messages": [{**turn, "id": 1} for turn in talk]} for talk in wanted])
    for entry in (
        {"files": lines, "ignore_keys": ["id"]},
        {"files": str(tmp_path / "all.parquet")},
        {"dataset": str(tmp_path / "hub")},
    ):
        assert read("sft", column="messages", **entry) == wanted


@pytest.mark.parametrize("origin", ["jsonl", "parquet", "hub"])
def test_where_takes_the_rows_it_names(tmp_path, origin):
    rows = [
        {"text": text, "source": "one" if i % 3 else "two", "meta": {"n": i % 2}} for i, text in enumerate(texts(12))
    ]
    (tmp_path / "hub").mkdir()
    write_jsonl(tmp_path / "a.jsonl", rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "hub" / "train.parquet")
    entry = {"dataset": str(tmp_path / "hub")} if origin == "hub" else {"files": str(tmp_path / f"a.{origin}")}
    assert read(where={"source": "two", "meta.n": "1"}, **entry) == [texts()[3], texts()[9]]


def test_max_documents_takes_the_first(tmp_path):
    file = write_jsonl(tmp_path / "a.jsonl", [{"text": text} for text in texts(9)])
    assert read(files=file, max_documents=4) == texts(4)


def test_patterns_that_overlap_give_a_file_once(tmp_path):
    for i in range(3):
        write_jsonl(tmp_path / f"{i}.jsonl", [{"text": f"text {i}"}])
    assert read(files=[str(tmp_path / "*.jsonl"), str(tmp_path / "1.jsonl")]) == ["text 0", "text 1", "text 2"]


def test_a_dataset_folder_lists_its_files(tmp_path):
    write_jsonl(tmp_path / "data" / "train.jsonl", [{"text": "a"}])
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "lock").touch()
    assert local_files("mine", Source(dataset=str(tmp_path))) == [tmp_path / "data" / "train.jsonl"]


def bad_inputs():
    """Name, the file's bytes, the rest of the entry, what the sentence says."""
    line = b'{"text": "good"}\n'
    yield "a.jsonl", line + b"{oops\n", {}, r"a\.jsonl:2: this line is not JSON .*sources\.mine\.files"
    yield "a.jsonl", line + b'{"text": "gr\xfc\xdf"}\n', {}, r"a\.jsonl:2: not UTF-8 \(byte 12\).*sources\.mine\.files"
    yield "a.jsonl", line + b"[1]\n", {}, r"a\.jsonl:2: expected an object with the column 'text', found list"
    yield "a.jsonl", line, {"column": "body"}, r"no column 'body'; set sources\.mine\.column to one of text"
    yield "a.jsonl", line, {"where": {"kind": "x"}}, r"no column 'kind'; set sources\.mine\.where to one of text"
    yield "a.jsonl", line, {"where": {"text": "other"}}, r"sources\.mine\.where: no row has text = 'other'"
    yield "a.jsonl", b"\n\n", {}, r"sources\.mine: the source holds no documents"
    yield "a.jsonl", b'{"text": 3}\n', {}, r"a\.jsonl:1: pre-training needs text in column 'text', found int"
    yield "a.txt", b"", {}, r"a\.txt: the file is empty; fill it or take it out of sources\.mine\.files"
    yield "a.txt", b"gr\xfc\xdf", {}, r"a\.txt: not UTF-8 \(byte 2\); convert it to UTF-8"
    yield "a.csv", b"a,b", {}, r"a\.csv: sources\.mine\.files takes \.jsonl, \.parquet, \.txt files"
    yield "a.parquet", b"nonsense", {}, r"a\.parquet: not a Parquet file .*sources\.mine\.files"


@pytest.mark.parametrize(("name", "content", "entry", "sentence"), list(bad_inputs()))
def test_bad_files_are_refused_in_a_sentence(tmp_path, name, content, entry, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=sentence) as refused:
        read(files=str(tmp_path / name), bad_rows="refuse", **entry)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("bad", ["{oops", "[1]", '{"text": 3}', '{"other": "x"}'])
def test_a_bad_row_stops_a_source_only_when_asked_or_when_none_is_good(tmp_path, bad):
    (tmp_path / "a.jsonl").write_text(f'{{"text": "good"}}\n{bad}\n')
    good, left_out = read(files=str(tmp_path / "a.jsonl"))
    assert good == "good" and left_out.sentence.startswith(f"{tmp_path}/a.jsonl:2: ")
    (tmp_path / "a.jsonl").write_text(f"{bad}\n" * 3)
    with pytest.raises(SourceError, match=r"a\.jsonl:1: .* \(none of its 3 rows can be used\)"):
        read(files=str(tmp_path / "a.jsonl"))
    (tmp_path / "a.jsonl").write_text(f"{bad}\n" * 3000)
    with pytest.raises(SourceError, match=r"a\.jsonl:1: .* \(none of its first 1,000 rows can be used\)"):
        read(files=str(tmp_path / "a.jsonl"))
    with pytest.raises(SourceError, match=r"a\.jsonl:1: "):
        inspect("mine", Source(files=str(tmp_path / "a.jsonl")))


def test_missing_files_and_datasets_are_refused_in_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(SourceError, match=r"none/\*\.jsonl: no such file; correct sources\.mine\.files"):
        read(files=str(tmp_path / "none" / "*.jsonl"))
    with pytest.raises(SourceError, match=r"nowhere: no such folder, .*sources\.mine\.dataset"):
        read(dataset=str(tmp_path / "nowhere"))
    write_jsonl(tmp_path / "train.jsonl", [{"text": "a"}])
    with pytest.raises(SourceError, match=r"the dataset cannot be loaded .*split"):
        read(dataset=str(tmp_path), split="dev")
    with pytest.raises(SourceError, match=r"no column 'body'; set sources\.mine\.column to one of text"):
        read(dataset=str(tmp_path), column="body")


def test_the_refusal_of_an_unknown_format_names_all_that_are_read(tmp_path):
    (tmp_path / "a.csv").write_text("a,b")
    with pytest.raises(SourceError) as refused:
        local_files("mine", Source(files=str(tmp_path / "a.csv")))
    assert {*READERS, *COMPRESSIONS} <= set(re.findall(r"\.[a-z0-9]+", str(refused.value)))


def test_a_missing_parquet_column_is_refused_in_a_sentence(tmp_path):
    pq.write_table(pa.table({"text": ["a"], "n": [1]}), tmp_path / "a.parquet")
    with pytest.raises(SourceError, match=r"a\.parquet: there is no column 'body'; .* to one of text, n"):
        read(files=str(tmp_path / "a.parquet"), column="body")


def test_text_where_conversations_are_needed_is_refused(tmp_path):
    file = write_jsonl(tmp_path / "a.jsonl", [{"text": "a", "messages": [{"role": "user"}]}])
    for column in ("text", "messages"):
        with pytest.raises(SourceError, match=r"a\.jsonl:1: fine-tuning needs a list of \{role, content\}"):
            read("sft", files=file, column=column)


def test_an_unknown_corpus_is_refused_with_the_nearest():
    with pytest.raises(
        SourceError, match=r"sources\.mine\.corpus: no corpus is called 'storys'; did you mean 'stories'\?"
    ):
        read(corpus="storys")


def test_inspection_refuses_before_anything_is_read(tmp_path):
    cases = {"a.txt": b"gr\xfc\xdf", "b.txt": b"", "c.jsonl": b'{"text": "\xff"}'}
    for name, content in cases.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=name.replace(".", r"\.")):
            inspect("mine", Source(files=str(tmp_path / name)))
    with pytest.raises(SourceError, match="no such file"):
        inspect("mine", Source(files=str(tmp_path / "none.txt")))
    with pytest.raises(SourceError, match="did you mean"):
        inspect("mine", Source(corpus="storys"))
    with pytest.raises(SourceError, match=r"gone: no such folder, .*sources\.mine\.dataset"):
        inspect("mine", Source(dataset=str(tmp_path / "gone")))
    inspect("mine", Source(dataset="owner/name"))  # on the hub, perhaps
    (tmp_path / "long.txt").write_text("ü" * 1_000_000 + "x" * 7, encoding="utf-8")  # a character ends after the sample
    inspect("mine", Source(files=str(tmp_path / "long.txt")))
    (tmp_path / "odd.txt").write_text("x" + "ü" * 1_000_000, encoding="utf-8")
    inspect("mine", Source(files=str(tmp_path / "odd.txt")))


@pytest.mark.parametrize("name", [name for name in CORPORA if not name.startswith("chat-")])
def test_text_corpora_repeat_themselves(name):
    first, again = ([text for text, _ in zip(CORPORA[name](), range(10), strict=False)] for _ in range(2))
    assert first == again
    assert len(first) == 10
    assert all(isinstance(text, str) and text.strip() for text in first)


def test_no_docstring_is_in_the_code():
    code = "\n".join(itertools.islice(CORPORA["stdlib-code"](), 40))
    docs = [text for text in itertools.islice(CORPORA["docs"](), 400) if ": " in text]
    found = sum(text.split(": ", 1)[1][:80] in code for text in docs)
    assert len(docs) > 200
    assert found < len(docs) / 100  # a few are quoted in comments


def test_conversations_are_json(tmp_path):
    talk = next(CORPORA["chat-facts"]())
    assert json.loads(json.dumps(talk)) == talk
    assert {turn["role"] for turn in talk} == {"user", "assistant"}
