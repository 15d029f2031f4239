"""Columns and values that a local folder of Parquet files does not have are refused before anything is prepared."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from admire.campaign.schema.sources import Source
from admire.errors import SourceError
from admire.preflight.columns import check_columns


@pytest.fixture
def folder(tmp_path):
    """Two shards with a plain and a nested column."""
    for shard, names in enumerate((("ArXiv", "Github"), ("FreeLaw", "Github"))):
        rows = [{"text": "x", "source": name.lower(), "meta": {"set": name}} for name in names]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / f"train-{shard}.parquet")
    return str(tmp_path)


@pytest.mark.parametrize(
    "where", [{}, {"source": "github"}, {"meta.set": "FreeLaw"}, {"source": "arxiv", "meta.set": "ArXiv"}]
)
def test_what_is_there_passes(folder, where):
    check_columns("mine", Source(dataset=folder, where=where))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"column": "txt"}, r"sources\.mine\.column: .* has no column 'txt'; did you mean 'text'"),
        ({"where": {"origin": "x"}}, r"sources\.mine\.where: .* has no column 'origin'; it has text, source, meta"),
        (
            {"where": {"source": "githup"}},
            r"sources\.mine\.where: no row of .* has source: githup; did you mean 'github'",
        ),
        ({"where": {"meta.set": "Githb"}}, r"has meta\.set: Githb; did you mean 'Github'"),
    ],
)
def test_what_is_not_there_is_refused_with_the_nearest(folder, entry, words):
    with pytest.raises(SourceError, match=words):
        check_columns("mine", Source(dataset=folder, **entry))


def test_what_cannot_be_known_cheaply_is_left_to_the_preparation(tmp_path):
    (tmp_path / "rows.jsonl").write_text('{"text": "x"}\n')
    check_columns("mine", Source(dataset=str(tmp_path), column="other"))
    check_columns("mine", Source(corpus="stories"))
