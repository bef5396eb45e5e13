"""Columns that come late are columns of the whole, whatever was written before them."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.names import OWN
from schemas.pull import Batch, Pull
from warehouse.staging import stage


def staged(tmp_path, pages: list[list[dict]]):
    """The pages as batches that each have the columns of their own rows."""

    def batch(rows: list[dict]) -> Batch:
        names = list(dict.fromkeys(n for row in rows for n in row))
        return Batch(pa.RecordBatch.from_pydict({n: pa.array([r.get(n) for r in rows], pa.string()) for n in names}))

    first = pa.schema([(n, pa.string()) for n in dict.fromkeys(n for row in pages[0] for n in row)])
    incoming = stage(Pull(first, map(batch, pages)), ["id"], tmp_path / "t.parquet", number=1, run="r")
    return incoming, pq.read_table(incoming.path)


def test_a_field_first_seen_on_a_later_page_is_kept_and_empty_before(tmp_path):
    incoming, table = staged(tmp_path, [[{"id": "1", "name": "甲"}], [{"id": "2", "phone": "0394-1"}], [{"id": "3", "name": "丙"}]])
    assert tuple(incoming.columns) == ("id", "name", "phone")
    assert table.select(["id", "name", "phone"]).to_pylist() == [
        {"id": "1", "name": "甲", "phone": None},
        {"id": "2", "name": None, "phone": "0394-1"},
        {"id": "3", "name": "丙", "phone": None},
    ]
    assert table.column("_key").to_pylist() == ["1", "2", "3"]
    assert [f.name for f in tmp_path.iterdir()] == ["t.parquet"], "the parts are gone"


@settings(max_examples=40, deadline=None)
@given(
    pages=st.lists(
        st.lists(st.dictionaries(st.sampled_from("abcdef"), st.text("甲x", max_size=2)), min_size=1, max_size=4), min_size=1, max_size=6
    )
)
def test_no_value_is_lost_however_the_columns_come(tmp_path_factory, pages):
    numbered = iter(range(1000))
    pages = [[{"id": str(next(numbered)), **row} for row in page] for page in pages]
    _, table = staged(tmp_path_factory.mktemp("t"), pages)
    came = [{n: v for n, v in row.items() if v is not None and n not in OWN} for row in table.to_pylist()]
    assert came == [row for page in pages for row in page]
