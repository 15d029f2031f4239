"""The same rows give the same documents from every kind of file and folder; cards list what was read; nothing is a traceback."""

import bz2
import datetime
import gzip
import json
import lzma

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_campaign import campaign, write_jsonl

from admire.campaign.schema.sources import Source
from admire.data.documents import documents, inspect, local_files, unread_files
from admire.data.prepared_source import check_files, prepare_source
from admire.data.reading import lines, parquet
from admire.errors import SourceError
from admire.preflight.columns import check_columns
from admire.trials.atomic_files import read_json

TEXTS = ["river", "stone", "lamp"]
LINES = "".join(json.dumps({"text": text}) + "\n" for text in TEXTS).encode()
BOM = b"\xef\xbb\xbf"


def read(kind="pretrain", **entry):
    return [found.document for found in documents("mine", Source(**entry), kind)]


def origins(folder, rows):
    """The same rows as three origins."""
    for kind in ("lines", "table"):
        (folder / kind).mkdir(exist_ok=True)
    write_jsonl(folder / "lines" / "train.jsonl", [{k: v for k, v in row.items() if v is not None} for row in rows])
    pq.write_table(pa.Table.from_pylist(rows), folder / "table" / "train.parquet")
    return [
        {"files": str(folder / "lines" / "train.jsonl")},
        {"files": str(folder / "table" / "train.parquet")},
        {"dataset": str(folder / "lines")},
        {"dataset": str(folder / "table")},
    ]


@pytest.mark.parametrize(
    ("value", "other", "wanted"),
    [
        (True, False, "true"),
        (False, True, "false"),
        (3, 4, "3"),
        (3.0, 4.0, "3"),
        (1.5, 2.0, "1.5"),
        ("1.50", "1.5", "1.50"),
        ("true", "false", "true"),
        (None, "x", "null"),
        ({"a": 1, "b": "x"}, {"a": 2, "b": "x"}, '{"b": "x", "a": 1}'),
        ([1, 2], [2], "[1, 2]"),
    ],
)
def test_where_compares_as_json_spells(tmp_path, value, other, wanted):
    rows = [{"text": "yes", "kind": value}, {"text": "no", "kind": other}]
    for entry in origins(tmp_path, rows):
        assert read(where={"kind": wanted}, **entry) == ["yes"]
        check_columns("mine", Source(where={"kind": wanted}, **entry))
        with pytest.raises(SourceError, match=r"sources\.mine\.where: no row has kind = 'True'"):
            read(where={"kind": "True"}, **entry)


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (datetime.date(2024, 1, 31), "2024-01-31"),
        (datetime.datetime(2024, 1, 31, 5, 6, 7), "2024-01-31T05:06:07"),
        (datetime.datetime(2024, 1, 31, 5, 6, 7), "2024-01-31 05:06:07"),
    ],
)
def test_where_takes_dates_as_they_are_written(tmp_path, value, wanted):
    pq.write_table(pa.table({"text": ["yes", "no"], "day": [value, None]}), tmp_path / "train.parquet")
    for entry in ({"files": str(tmp_path / "train.parquet")}, {"dataset": str(tmp_path)}):
        assert read(where={"day": wanted}, **entry) == ["yes"]
        check_columns("mine", Source(where={"day": wanted}, **entry))


def test_maps_and_columns_that_some_files_lack(tmp_path):
    kind = pa.map_(pa.string(), pa.string())
    pq.write_table(pa.table({"text": ["yes"], "meta": pa.array([[("set", "a")]], kind)}), tmp_path / "1.parquet")
    pq.write_table(pa.table({"text": ["no"]}), tmp_path / "2.parquet")
    notes = []
    source = Source(files=str(tmp_path / "*.parquet"), where={"meta.set": "a"})
    assert [found.document for found in documents("mine", source, "pretrain", notes=notes)] == ["yes"]
    assert [note.split(" (the first")[0] for note in notes] == [
        "sources.mine.where: 1 rows have nothing in 'meta.set' and are not taken"
    ]


def test_rows_without_the_column_are_the_same_everywhere(tmp_path):
    rows = [{"text": "yes", "n": 1}, {"text": None, "n": 2}]
    for entry in origins(tmp_path, rows):
        with pytest.raises(SourceError, match=r"(:2|row 2): there is (no column 'text'|nothing in column 'text')"):
            read(bad_rows="refuse", **entry)
        found = read(**entry)
        assert (found[0], found[1].reason) == ("yes", "nothing")
        assert read(where={"n": "1"}, **entry) == ["yes"]
        with pytest.raises(SourceError, match=r"no column 'kind'; set sources\.mine\.where to one of"):
            read(where={"kind": "x"}, **entry)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("train.jsonl", BOM + LINES),
        ("train.jsonl", LINES[:18] + BOM + LINES[18:]),  # files laid end to end
        ("train.ndjson", LINES.replace(b"\n", b"\r\n")),
        ("train.json", json.dumps([{"text": text} for text in TEXTS], indent=1).encode()),
        ("train.json", BOM + json.dumps(TEXTS).encode()),
        ("train.jsonl.gz", gzip.compress(BOM + LINES, mtime=0)),
        ("train.jsonl.bz2", bz2.compress(LINES)),
        ("train.json.xz", lzma.compress(LINES)),
        ("train.jsonl.zst", None),
    ],
)
def test_files_and_folders_read_the_same_files(tmp_path, name, content):
    if content is None:
        with pa.output_stream(str(tmp_path / name), compression="zstd") as stream:
            stream.write(LINES)
    else:
        (tmp_path / name).write_bytes(content)
    assert read(files=str(tmp_path / name)) == read(dataset=str(tmp_path)) == TEXTS


def test_text_has_no_byte_order_mark(tmp_path):
    (tmp_path / "train.txt").write_bytes(BOM + b"river\r\nstone\n")
    (tmp_path / "z").mkdir()
    (tmp_path / "z" / "a.txt.gz").write_bytes(gzip.compress(BOM + b"lamp"))
    assert read(files=[str(tmp_path / "train.txt"), str(tmp_path / "z" / "*.gz")]) == ["river\nstone\n", "lamp"]
    assert read(dataset=str(tmp_path)) == ["river", "stone"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("train.jsonl", "\ufeff{}".encode("utf-16-le"), r"UTF-16, not UTF-8; convert it"),
        ("train.txt", b"\x00\x00\xfe\xff\x00\x00\x00a", r"UTF-32, not UTF-8"),
        ("train.jsonl", b"version https://git-lfs.github.com/spec/v1\noid", "a Git LFS pointer, not the data"),
        ("train.jsonl.gz", gzip.compress(LINES * 99, mtime=0)[:-9], "cannot be read to its end"),
        ("train.jsonl.xz", b"no xz", "cannot be read to its end"),
        ("train.jsonl", b"[" * 100_000 + b"\n", r":1: this line is JSON with brackets nested too deep"),
        (
            "train.jsonl",
            b'{"text": "a", "n": ' + b"1" * 5000 + b"}\n",
            r":1: this line is JSON with a number of too many digits",
        ),
        ("train.json", b"[" * 100_000, r"train\.json: JSON with brackets nested too deep"),
        ("train.json", b'[{"text": "a"}', r"train\.json: not JSON"),
        ("train.jsonl", b'{"text": "\\ud800"}\n', r":1: the text holds half a surrogate pair"),
        ("train.jsonl", b'{"text": NaN}\n', r":1: pre-training needs text in column 'text', found float"),
        ("train.jsonl", b"", r"the file is empty"),
        ("train.parquet", b"PAR1 nothing", r"not a Parquet file"),
    ],
)
def test_what_cannot_be_read_is_one_sentence_for_files_and_folders(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    for entry in ({"files": str(tmp_path / name)}, {"dataset": str(tmp_path)}):
        with pytest.raises(SourceError, match=sentence) as refused:
            read(**entry)
        assert "\n" not in str(refused.value)
        assert name in str(refused.value)


def test_utf16_without_a_mark_is_no_text(tmp_path):
    (tmp_path / "a.txt").write_bytes("river stone lamp".encode("utf-16-le"))
    with pytest.raises(SourceError, match=r"a\.txt: UTF-16 without a mark; convert it to UTF-8"):
        read(files=str(tmp_path / "a.txt"))


def test_a_null_in_a_text_is_a_letter(tmp_path):
    assert read(files=write_jsonl(tmp_path / "a.jsonl", [{"text": "a\0b"}])) == ["a\0b"]


def test_files_that_disagree_about_another_column_do_no_harm(tmp_path):
    for folder, values in (("one", [1, "x"]), ("two", [None, {"deep": 1}]), ("three", [[1], 2.5])):
        for i, value in enumerate(values):
            write_jsonl(tmp_path / folder / f"{i}.jsonl", [{"text": TEXTS[i], "id": value}])
        assert read(dataset=str(tmp_path / folder)) == TEXTS[:2]


def test_a_truncated_parquet_file_is_one_sentence(tmp_path):
    pq.write_table(
        pa.table({"text": TEXTS * 999}), tmp_path / "train.parquet", use_dictionary=False, compression="none"
    )
    content = bytearray((tmp_path / "train.parquet").read_bytes())
    content[4:60] = bytes(56)
    (tmp_path / "train.parquet").write_bytes(content)
    for entry in ({"files": str(tmp_path / "train.parquet")}, {"dataset": str(tmp_path)}):
        with pytest.raises(
            SourceError, match=r"train\.parquet: the file cannot be read to its end \(.*\); write it again"
        ):
            read(**entry)


def test_other_formats_fail_in_a_sentence_too(tmp_path):
    (tmp_path / "train.csv").write_text('text,n\nriver,1\n"stone,2\n')
    with pytest.raises(SourceError, match=r"the dataset cannot be read beyond row 0 \(.*\); correct its files"):
        read(dataset=str(tmp_path))
    (tmp_path / "train.csv").write_text("text,n\nriver,1\nstone,2\n")
    assert read(dataset=str(tmp_path), where={"n": "2"}) == ["stone"]


@pytest.mark.parametrize("name", ["a[1].jsonl", "[x]/a.jsonl", "b[1]/c*.jsonl"])
def test_a_path_that_is_there_is_taken_as_it_is_written(tmp_path, name):
    file = tmp_path / name.replace("*", "1")
    write_jsonl(file, [{"text": "a"}])
    assert local_files("mine", Source(files=str(tmp_path / name))) == [file]


def test_the_home_folder_and_paths_that_cannot_be(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write_jsonl(tmp_path / "data" / "train.jsonl", [{"text": "a"}])
    assert read(files="~/data/*.jsonl") == read(dataset="~/data") == ["a"]
    for entry in (
        {"files": "x/" * 1400},
        {"files": "none/*.jsonl"},
        {"dataset": "./" + "x/" * 1400},
        {"dataset": "./none"},
    ):
        with pytest.raises(SourceError, match=r"no such (file|folder)"):
            inspect("mine", Source(**entry))
    with pytest.raises(SourceError, match=r"data: a folder; name its files in sources\.mine\.files"):
        read(files=str(tmp_path / "data"))


def test_a_document_above_the_limit_is_refused_by_row(tmp_path, monkeypatch):
    monkeypatch.setattr(lines, "MOST_BYTES", 100)
    rows = [{"text": "a"}, {"text": "b" * 200}, {"text": "c"}]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    (tmp_path / "long.txt").write_text("b" * 200)
    files = write_jsonl(tmp_path / "a.jsonl", rows)
    for file in (files, str(tmp_path / "a.parquet")):
        with pytest.raises(SourceError, match=r"(:2|row 2): a (row|document) of more than 100 bytes; split it"):
            read(files=file, bad_rows="refuse")
        found = read(files=file)
        assert (found[0], found[1].reason, found[2]) == ("a", "too_long", "c")
    with pytest.raises(SourceError, match=r"long\.txt: a document of more than 100 bytes"):
        read(files=str(tmp_path / "long.txt"))


def test_a_small_parquet_file_takes_little_memory_however_often_it_repeats(tmp_path):
    texts = pa.DictionaryArray.from_arrays(pa.array([0] * 1024, pa.int32()), ["x" * (1 << 20)])
    pq.write_table(
        pa.table({"text": texts.cast(pa.string())}), tmp_path / "a.parquet", dictionary_pagesize_limit=1 << 22
    )
    del texts
    assert (tmp_path / "a.parquet").stat().st_size < 1 << 20
    before = pa.total_allocated_bytes()
    reads = documents("mine", Source(files=str(tmp_path / "a.parquet")), "pretrain")
    assert all(len(read.document) == 1 << 20 and pa.total_allocated_bytes() - before < 1 << 26 for read in reads)


def many(count):
    """A Parquet file of a few kilobytes with one row, a list that holds the same text `count` times."""
    offsets = pa.array([0, count], pa.int32())
    turns = pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int8)), ["a"]).cast(pa.string())
    return pa.table({"text": pa.ListArray.from_arrays(offsets, turns), "other": ["x"]})


@pytest.mark.parametrize("limit", ["MOST_VALUES", "MOST_BYTES"])
def test_a_row_that_repeats_a_value_without_end_is_not_read(tmp_path, monkeypatch, limit):
    pq.write_table(many(100_000), tmp_path / "a.parquet")
    assert (tmp_path / "a.parquet").stat().st_size < 10_000
    monkeypatch.setattr(parquet, limit, 99_999)
    monkeypatch.setattr(parquet, "BATCH_BYTES", 99_999)
    said = {
        "MOST_VALUES": "its column 'text' has 100,000 values in one row group",
        "MOST_BYTES": "a row of more than 99,999",
    }
    with pytest.raises(SourceError, match=rf"a\.parquet.*: {said[limit]}"):
        read(files=str(tmp_path / "a.parquet"))


def test_a_parquet_file_with_fewer_rows_than_it_says_is_refused(tmp_path):
    texts = pa.table({"text": [f"text {n}" for n in range(100)]})
    pq.write_table(texts, tmp_path / "a.parquet", use_dictionary=False, compression="none")
    content = (tmp_path / "a.parquet").read_bytes()
    size = int.from_bytes(content[-8:-4], "little")
    footer = content[-8 - size : -8]
    assert footer.count(b"\xc8\x01") >= 3  # 100 as a number of Thrift: of the file, of its row group and of the column
    for changed in (b"\xc8\x7f", b"\xc8\x03", b"\xc9\x01"):  # 8,164, 228 and -101
        (tmp_path / "a.parquet").write_bytes(content[: -8 - size] + footer.replace(b"\xc8\x01", changed) + content[-8:])
        with pytest.raises(SourceError, match=r"a\.parquet: "):
            read(files=str(tmp_path / "a.parquet"))


def test_a_file_that_asks_for_more_memory_than_its_reader_may_have_is_refused(tmp_path, monkeypatch):
    """xz and zstd say in their head how much of the text before their readers have to keep."""
    packed = lzma.compress(b'{"text": "a"}\n', filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 3 << 29}])
    (tmp_path / "a.jsonl.xz").write_bytes(packed)
    # a frame of zstd with a window of 2 GiB and one raw block
    row = b'{"text": "a"}\n'
    block = (1 | len(row) << 3).to_bytes(3, "little") + row
    (tmp_path / "a.jsonl.zst").write_bytes(b"\x28\xb5\x2f\xfd\x00" + bytes([21 << 3]) + block)
    for name in ("a.jsonl.xz", "a.jsonl.zst"):
        with pytest.raises(SourceError, match=rf"{name}: the file cannot be read to its end"):
            read(files=str(tmp_path / name))


@pytest.mark.parametrize(
    "number", ["9" * 1_000_000, "-" + "9" * 5_000, "1." + "3" * 1_000_000, "1e" + "9" * 1_000_000, "1e999", "Infinity"]
)
@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_a_number_of_a_million_digits_is_read_or_refused(tmp_path, number, name):
    row = f'{{"text": "a", "n": {number}}}'
    (tmp_path / name).write_text(f"[{row}]" if name == "a.json" else f"{row}\n")
    try:
        (found,) = read(files=str(tmp_path / name))
        assert found == "a" or found.reason == "not_json"
    except SourceError as error:
        assert "\n" not in str(error) and len(str(error)) < 500


@pytest.mark.parametrize(
    ("name", "pack"), [("a.json.gz", gzip.compress), ("a.json.bz2", bz2.compress), ("a.json.xz", lzma.compress)]
)
@pytest.mark.parametrize("space", [" ", "\n"])
def test_a_compressed_array_takes_bounded_memory(tmp_path, monkeypatch, name, pack, space):
    monkeypatch.setattr(lines, "MOST_WHOLE", 10_000)
    content = b'[{"text": "a"},' + space.encode() * 20_000 + b'{"text": "b"}]'
    (tmp_path / name).write_bytes(pack(content))
    with pytest.raises(
        SourceError, match=rf"{name}: a compressed array of more than 10,000 bytes; write it as \.jsonl"
    ):
        read(files=str(tmp_path / name))
    (tmp_path / "a.json").write_bytes(content)
    assert read(files=str(tmp_path / "a.json")) == ["a", "b"]


@pytest.mark.parametrize("name", ["json", "text", "parquet"])
def test_a_folder_may_be_called_like_a_format(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    write_jsonl(tmp_path / name / "train.jsonl", [{"text": "a"}])
    write_jsonl(tmp_path / "train.jsonl", [{"text": "of somebody else"}])
    assert read(dataset=name) == ["a"]


def test_columns_that_a_readme_does_not_know_do_no_harm(tmp_path):
    (tmp_path / "README.md").write_text("---\ndataset_info:\n  features:\n  - name: text\n    dtype: string\n---\n")
    write_jsonl(tmp_path / "train.jsonl", [{"text": "a", "id": 1}, {"text": "b"}])
    assert read(dataset=str(tmp_path)) == ["a", "b"]


@pytest.fixture
def folder(tmp_path):
    """A dataset's folder of which the split `train` reads one file."""
    write_jsonl(tmp_path / "data" / "train.jsonl", [{"text": f"river {i} stone lamp"} for i in range(60)])
    write_jsonl(tmp_path / "data" / "test.jsonl", [{"text": "b"}])
    write_jsonl(tmp_path / "data" / "extra.jsonl", [{"text": "c"}])
    (tmp_path / "data" / "notes.csv").write_text("text\nd\n")
    (tmp_path / "data" / "README.md").write_text("Nothing.")
    return tmp_path / "data"


def test_what_was_read_is_what_is_listed_and_the_rest_is_said(tmp_path, tokenizer_path, folder):
    source = Source(dataset=str(folder))
    assert local_files("mine", source) == [folder / "train.jsonl"]
    assert [path.name for path in unread_files("mine", source)] == ["extra.jsonl", "notes.csv", "test.jsonl"]
    entry = {"mine": {"dataset": str(folder)}, "other": {"corpus": "stories"}}
    wanted = campaign(tmp_path / "results", entry, tokenizer={"path": tokenizer_path})
    card = read_json(prepare_source(wanted, "mine"))
    assert [entry["path"] for entry in card["files"]] == [str(folder / "train.jsonl")]
    assert card["notes"] == [
        f"sources.mine.dataset: of {folder} the split 'train' reads 1 of 4 data files, not extra.jsonl, notes.csv, test.jsonl"
    ]
    check_files(wanted, "mine", card)
    (folder / "README.md").write_text("Something.")
    check_files(wanted, "mine", card)
    (folder / "train-1.jsonl").write_text('{"text": "new"}\n')
    with pytest.raises(SourceError, match=r"train-1\.jsonl: this file is new since"):
        check_files(wanted, "mine", card)


def test_cards_of_earlier_versions_list_everything_and_hold(tmp_path, tokenizer_path, folder):
    entry = {"mine": {"dataset": str(folder)}, "other": {"corpus": "stories"}}
    wanted = campaign(tmp_path / "results", entry, tokenizer={"path": tokenizer_path})
    card = read_json(prepare_source(wanted, "mine"))
    del card["unread"]
    card["files"] += [{"path": str(folder / "README.md"), "size": 8, "mtime_ns": 1, "sha256": ""}]
    check_files(wanted, "mine", card)
    (folder / "train.jsonl").unlink()
    with pytest.raises(SourceError, match="train"):
        check_files(wanted, "mine", card)


@pytest.mark.parametrize(("suffix", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)])
def test_every_stream_of_a_compressed_file_is_read_and_damage_behind_one_is_said(tmp_path, suffix, pack):
    path = tmp_path / f"a.jsonl{suffix}"
    first, second = (
        pack(b"".join(b'{"text": "%s %d"}\n' % (name, n) for n in range(500))) for name in (b"one", b"two")
    )
    path.write_bytes(first + second)
    assert len(read(files=str(path))) == 1000
    path.write_bytes(first + (b"\0" * 8 if suffix != ".bz2" else b"") + second)
    assert len(read(files=str(path))) == 1000
    for behind in (b"x" + second[1:], b"junk", second[: len(second) // 2]):
        path.write_bytes(first + behind)
        with pytest.raises(SourceError, match="the file cannot be read to its end"):
            read(files=str(path))
