"""A key or a column that stands twice: of its two values readers take the first or the last, so the row or the file is refused."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_campaign import campaign

from admire.campaign.schema.sources import Source
from admire.data.conversation import Conversation
from admire.data.documents import documents
from admire.data.prepared_source import prepare_source, read_card
from admire.errors import SourceError

PLAIN = [{"role": "user", "content": "What time is it?"}, {"role": "assistant", "content": "Noon."}]
SPOKEN = json.dumps(PLAIN)
AMBIGUOUS = '{"zone": "UTC", "zone": "CET"}'
CALLED = f'{{"name": "clock", "arguments": {AMBIGUOUS}}}'


def read(kind="pretrain", **entry):
    return [found.document for found in documents("mine", Source(**entry), kind)]


def calling(call):
    return turns(f'{{"role": "assistant", "content": "", "tool_calls": [{call}]}}')


def turns(last):
    return f'{{"messages": [{json.dumps(PLAIN[0])}, {last}]}}'


TEXTS = {
    '{"text": "one", "text": "two"}': "the key 'text' stands twice",
    r'{"text": "one", "te\u0078t": "two"}': "the key 'text' stands twice",
    '{"text": "one", "meta": {"set": "a", "set": "b"}}': "column 'meta': the key 'set' stands twice",
    '{"text": "one", "meta": {"set": "a"}, "meta": {"set": "b"}}': "the key 'meta' stands twice",
}
TALKS = {
    f'{{"messages": [], "messages": {SPOKEN}}}': "the key 'messages' stands twice",
    f'{{"messages": {SPOKEN}, "tools": [], "tools": null}}': "the key 'tools' stands twice",
    turns('{"role": "assistant", "content": "Noon.", "content": "Night."}'): (
        "column 'messages', turn 2: the key 'content' stands twice"
    ),
    turns('{"role": "user", "role": "assistant", "content": "Noon."}'): "turn 2: the key 'role' stands twice",
    calling(CALLED): ("turn 2, 'tool_calls', number 1, 'arguments': the key 'zone' stands twice"),
    calling(json.dumps({"name": "clock", "arguments": AMBIGUOUS})): (
        "turn 2, call 1: arguments: the key 'zone' stands twice"
    ),
    calling(json.dumps(CALLED)): ("turn 2, call 1, 'arguments': the key 'zone' stands twice"),
    turns(json.dumps({"from": "function_call", "value": CALLED})): (
        "turn 2: the function_call, 'arguments': the key 'zone' stands twice"
    ),
    json.dumps({"messages": '[{"role": "user", "content": "a", "content": "b"}]'}): (
        "the conversation, turn 1: the key 'content' stands twice"
    ),
    json.dumps({"messages": PLAIN, "tools": '[{"name": "clock", "name": "watch"}]'}): (
        "`tools`, number 1: the key 'name' stands twice"
    ),
    json.dumps({"messages": PLAIN, "tools": ['{"name": "clock", "name": "watch"}']}): (
        "`tools`: the key 'name' stands twice"
    ),
}


def check_row(folder, kind, line, sentence, **entry):
    """Left out and counted, or refused, from every form of a JSON file."""
    good = {"text": "three", "meta": {"set": "b"}} if kind == "pretrain" else {"messages": PLAIN}
    wanted = [Conversation(PLAIN)] if kind == "sft" else ["three"]
    forms = {
        "a.jsonl": (f"{line}\n{json.dumps(good)}\n", "a.jsonl:1: "),
        "a.json": (f"[{line}, {json.dumps(good)}]", "a.json, item 1: "),
    }
    for name, (text, place) in forms.items():
        (folder / name).write_text(text)
        entry["files"] = str(folder / name)
        bad, *rest = read(kind, **entry)
        assert rest == wanted
        assert bad.reason == "twice"
        assert sentence in bad.sentence and place in bad.sentence and "keep the one that is meant" in bad.sentence
        with pytest.raises(SourceError) as refusal:
            read(kind, bad_rows="refuse", **entry)
        assert sentence in str(refusal.value) and "bad_rows: skip" in str(refusal.value)


@pytest.mark.parametrize("line", TEXTS)
def test_a_row_of_texts(tmp_path, line):
    check_row(tmp_path, "pretrain", line, TEXTS[line], where={"meta.set": "b"})


@pytest.mark.parametrize("line", TALKS)
def test_a_row_of_conversations(tmp_path, line):
    check_row(tmp_path, "sft", line, TALKS[line], column="messages")


def test_what_is_not_read_may_stand_twice(tmp_path):
    rows = ['{"text": "one", "seen": 1, "seen": 2}', '{"text": "two", "meta": {"set": "a", "set": "b"}}']
    (tmp_path / "a.jsonl").write_text("\n".join(rows))
    assert read(files=str(tmp_path / "a.jsonl")) == ["one", "two"]


def test_a_card_counts_them(tmp_path, tokenizer_path):
    rows = [json.dumps({"text": f"<{i}> tells nothing of rivers"}) for i in range(60)] + ['{"text": "a", "text": "b"}']
    (tmp_path / "a.jsonl").write_text("\n".join(rows))
    sources = {"mine": {"files": str(tmp_path / "a.jsonl")}, "other": {"corpus": "stories"}}
    made = campaign(tmp_path / "results", sources, tokenizer={"path": tokenizer_path})
    card = read_card(prepare_source(made, "mine").parent)
    assert card["dropped"]["twice"] == 1 and "a.jsonl:61: the key 'text' stands twice" in card["first_dropped"]["twice"]


def table(*names):
    return pa.Table.from_arrays([pa.array([f"{name} {i}"]) for i, name in enumerate(names)], names=list(names))


def test_a_column_of_a_table(tmp_path):
    pq.write_table(table("text", "kind", "text"), tmp_path / "train.parquet")
    (tmp_path / "csv").mkdir()
    (tmp_path / "csv/train.csv").write_text("text,kind,text\na,b,c\n")
    for entry in ({"files": str(tmp_path / "train.parquet")}, {"dataset": str(tmp_path / "csv")}):
        with pytest.raises(SourceError, match=r"train\.\w+: the column 'text' stands twice; rename or drop"):
            read(**entry)
        with pytest.raises(SourceError, match="stands twice"):
            read(bad_rows="skip", **entry)


def test_a_column_of_where_and_one_that_is_not_read(tmp_path):
    pq.write_table(table("text", "kind", "kind"), tmp_path / "train.parquet")
    assert read(files=str(tmp_path / "train.parquet")) == ["text 0"]
    with pytest.raises(SourceError, match="the column 'kind' stands twice"):
        read(files=str(tmp_path / "train.parquet"), where={"kind": "kind 2"})


def test_a_map_and_a_mapping_within_a_column(tmp_path):
    pairs = pa.array([[("set", "a"), ("set", "b")]], pa.map_(pa.string(), pa.string()))
    pq.write_table(pa.table({"text": ["one"], "meta": pairs}), tmp_path / "a.parquet")
    with pytest.raises(SourceError, match=r"a\.parquet, row 1: the key 'set' stands twice"):
        read(files=str(tmp_path / "a.parquet"), where={"meta.set": "b"})
    both = pa.StructArray.from_arrays([pa.array(["a"]), pa.array(["b"])], names=["set", "set"])
    pq.write_table(pa.table({"text": ["one"], "meta": both}), tmp_path / "b.parquet")
    with pytest.raises(SourceError, match=r"b\.parquet: .*duplicate field names"):
        read(files=str(tmp_path / "b.parquet"), where={"meta.set": "b"})


def test_a_file_that_datasets_reads_by_a_readme(tmp_path):
    (tmp_path / "README.md").write_text(
        "---\nconfigs:\n- config_name: default\n  data_files: a.json\n  field: data\n---\n"
    )
    (tmp_path / "a.json").write_text('{"data": [{"text": "one"}, {"text": "two", "text": "three"}]}')
    with pytest.raises(SourceError, match=r"a\.json: the file, 'data', number 2: the key 'text' stands twice"):
        read(dataset=str(tmp_path))
    (tmp_path / "a.json").write_text('{"data": [{"text": "one"}, {"text": "two"}]}')
    assert read(dataset=str(tmp_path)) == ["one", "two"]
