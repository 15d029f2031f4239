"""Whatever a source holds: documents and counted rows that add up to the rows there are, or one sentence; nothing else."""

import bz2
import gzip
import io
import json
import lzma
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from admire.campaign.schema.sources import Source
from admire.data.conversation import Conversation
from admire.data.documents import documents, inspect
from admire.data.left_out import WORDS, LeftOut
from admire.data.splits import content_bytes
from admire.errors import SourceError

PACK = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
NAMES = [f"a{kind}{packed}" for kind in (".jsonl", ".ndjson", ".json", ".txt") for packed in PACK]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=8,
)
keys = st.sampled_from(
    ["role", "content", "from", "value", "name", "weight", "train", "tool_calls", "function_call", "thinking", "id"]
)
calls = st.fixed_dictionaries(
    {},
    optional={
        "function": st.fixed_dictionaries({"name": st.text(max_size=5), "arguments": values}),
        "id": values,
        "name": values,
    },
)
turns = st.dictionaries(keys, values, max_size=5) | st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant", "tool"]), "content": st.text(max_size=9) | values},
    optional={"weight": st.sampled_from([0, 1, True, 0.5, "1"]), "tool_calls": st.lists(calls, max_size=2)},
)
talks = st.lists(turns | values, max_size=4)
cells = (
    talks
    | talks.map(json.dumps)
    | values
    | st.fixed_dictionaries({"messages": talks}, optional={"tools": values, "id": values})
)


def outcome(entry, kind):
    """The documents and the rows that are left out, or the sentence."""
    source = Source(**entry)
    reads: list = []
    try:
        inspect("mine", source, kind)
        reads.extend(read.document for read in documents("mine", source, kind))
    except SourceError as error:
        assert "\n" not in str(error)
        place = str(entry.get("files", entry.get("dataset")))
        assert "sources.mine" in str(error) or str(error).startswith(place)
        return None
    for document in reads:
        if isinstance(document, LeftOut):
            assert document.reason in WORDS
        else:
            assert isinstance(document, str if kind == "pretrain" else Conversation)
            content_bytes(document)  # it can be written
    return reads


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.parametrize("kind", ["pretrain", "sft"])
@pytest.mark.parametrize("name", NAMES)
def test_any_bytes(place, name, kind):
    @settings(max_examples=25, deadline=None)
    @given(st.binary(max_size=200) | values.map(lambda value: json.dumps(value).encode()), st.binary(max_size=3))
    def check(content, tail):
        (place / name).write_bytes(PACK[Path(name).suffix if Path(name).suffix in PACK else ""](content) + tail)
        outcome({"files": str(place / name)}, kind)

    check()


@pytest.mark.parametrize(("kind", "cell"), [("pretrain", values), ("sft", cells)])
def test_rows_add_up_in_files_and_folders_alike(place, kind, cell):
    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(st.dictionaries(st.sampled_from(["text", "tools", "id"]), cell, max_size=3), min_size=1, max_size=6)
    )
    def check(rows):
        folder = place / kind
        folder.mkdir(exist_ok=True)
        (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        found = outcome({"files": str(folder / "train.jsonl")}, kind)
        assert found is None or len(found) == len(rows)  # None: not one of them can be used
        assert outcome({"dataset": str(folder)}, kind) == found

    check()


@pytest.mark.parametrize(("kind", "cell"), [("pretrain", values), ("sft", cells)])
def test_conversations_and_texts_in_columns_of_any_type(place, kind, cell):
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(cell, min_size=1, max_size=5), st.sampled_from([pa.string(), pa.large_string(), None]))
    def check(column, as_text):
        try:
            array = pa.array([json.dumps(one) for one in column], as_text) if as_text else pa.array(column)
            pq.write_table(pa.table({"text": array, "n": range(len(column))}), place / "a.parquet")
        except (pa.ArrowException, OverflowError, UnicodeEncodeError, TypeError):
            return  # no column can hold these
        found = outcome({"files": str(place / "a.parquet")}, kind)
        assert found is None or len(found) == len(column)

    check()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 255), st.booleans())
def test_damaged_parquet(place, where, change, cut):
    stream = io.BytesIO()
    pq.write_table(pa.table({"text": [f"river {i}" for i in range(50)], "n": range(50)}), stream)
    content = bytearray(stream.getvalue())
    where %= len(content)
    content[where] = (content[where] + change) % 256
    (place / "b.parquet").write_bytes(content[:where] if cut else content)
    outcome({"files": str(place / "b.parquet")}, "pretrain")


@settings(max_examples=60, deadline=None)
@given(values, st.text(max_size=8) | values.map(json.dumps))
def test_where_takes_any_value(place, value, wanted):
    (place / "w.jsonl").write_text(json.dumps({"text": "a", "kind": value}) + "\n", encoding="utf-8")
    outcome({"files": str(place / "w.jsonl"), "where": {"kind": wanted}}, "pretrain")
    own = value if isinstance(value, str) else json.dumps(value)
    found = outcome({"files": str(place / "w.jsonl"), "where": {"kind": own}}, "pretrain")
    assert found == ["a"]
