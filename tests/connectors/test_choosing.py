"""Which files are read, which are left and why: every file that does not come is told, and none stops another."""

from __future__ import annotations

import os

import pytest

from connectors.files.finding import found
from schemas.errors import SourceChanged, SourceUnavailable
from tests.connectors.test_files import drop, pulled

EACH = {"key": ["id"], "whole": "per file"}


def said(pull):
    return " ".join(r.said.zh for r in pull.remarks)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("\nid,name\n2,b\n", "空行"),
        ("人员台账\nid,name\n2,b\n", "标题"),
        ("人员台账,\nid,name\n2,b\n", "标题"),
        ("id;name\n2;b\n", "分列"),
        ("编号,姓名\n2,b\n", "id"),
        ('{"id": "2", "name": "b"}\n', "JSON"),
    ],
)
def test_a_file_that_is_not_of_the_form_is_named_and_the_others_are_read(tmp_path, content, why):
    drop(tmp_path, "a.csv", b"id,name\n1,a\n")
    drop(tmp_path, "b.csv", content.encode())
    drop(tmp_path, "c.csv", b"id,name\n3,c\n")
    mapped = {"raw": None, "record": "resident", "fields": {"id_number": "id", "name": "name"}, "sample": [{"given": {}, "expect": {}}]}
    rows, _, pull = pulled(tmp_path, EACH, **mapped)
    assert [r[1] for r in rows] == ["1", "3"]
    assert pull.whole == {"a.csv", "c.csv"}
    assert len(pull.failures) == 1
    assert "b.csv" in pull.failures[0].zh
    assert why in pull.failures[0].zh
    assert "b.csv" not in pull.cursor["files"]
    with pytest.raises(SourceChanged, match=r"b\.csv"):
        pulled(tmp_path, {"key": ["id"], "whole": "all"}, **mapped)


def test_columns_are_those_of_all_files_and_what_a_file_lacks_is_empty(tmp_path):
    drop(tmp_path, "a.csv", b"id,name\n1,a\n")
    drop(tmp_path, "b.csv", b"id,phone\n2,x\n")
    from contextlib import closing

    from connectors.files.reading import Files
    from tests.connectors.test_files import system

    of = system(EACH)
    with closing(Files(tmp_path, of)) as connector:
        pull = connector.pull(of.datasets["t"], None)
        rows = [r for batch in pull.batches for r in batch.rows.to_pylist()]
    assert pull.schema.names == ["id", "name", "phone"]
    assert rows == [{"id": "1", "name": "a"}, {"id": "2", "phone": "x"}]


def test_a_file_rewritten_under_its_old_time_is_read_again(tmp_path):
    path = drop(tmp_path, "a.csv", b"id,name\n1,a\n")
    before = path.stat()
    _, _, pull = pulled(tmp_path, EACH)
    path.write_bytes(b"id,name\n1,b\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    rows, _, _ = pulled(tmp_path, EACH, pull.cursor)
    assert rows == [("a.csv", "1", "b")]


def test_a_file_that_has_been_still_is_not_opened_again(tmp_path, monkeypatch):
    drop(tmp_path, "a.csv", b"id,name\n1,a\n")
    _, _, pull = pulled(tmp_path, EACH)
    for known in pull.cursor["files"].values():
        known[6] += 10_000_000_000  # looked at ten seconds after its last change
    monkeypatch.setattr("connectors.files.choosing.hashlib.file_digest", None)
    assert pulled(tmp_path, EACH, pull.cursor)[0] == []


def test_what_did_not_come_is_told(tmp_path):
    drop(tmp_path, "a_1.csv", b"id,name\n1,a\n")
    gone = drop(tmp_path, "a_2.csv", b"id,name\n2,b\n")
    read = {"key": ["id"], "whole": "per batch", "batch": r"_(\d+)"}
    _, _, pull = pulled(tmp_path, read)
    gone.unlink()
    drop(tmp_path, "a_3.csv", b"")
    drop(tmp_path, "readme.csv", b"id,name\n9,x\n")
    outside = tmp_path.parent / f"{tmp_path.name}.csv"
    outside.write_bytes(b"id,name\n8,x\n")
    (tmp_path / "a_4.csv").symlink_to(outside)
    rows, _, second = pulled(tmp_path, read, pull.cursor)
    assert rows == []
    assert all(name in said(second) for name in ("a_2.csv", "a_3.csv", "readme.csv", "a_4.csv"))
    assert set(second.cursor["files"]) == {"a_1.csv"}
    assert "a_2.csv" not in said(pulled(tmp_path, read, second.cursor)[2])


def test_a_file_cut_off_in_its_last_line_is_left_and_a_control_file_ends_the_doubt(tmp_path):
    drop(tmp_path, "a.csv", b"id,name\n1,a\n")
    drop(tmp_path, "b.csv", b"id,name\n2,b")
    rows, _, pull = pulled(tmp_path, EACH)
    assert [r[1] for r in rows] == ["1"]
    assert "b.csv" in pull.failures[0].zh
    drop(tmp_path, "a.csv.ok", b"")
    drop(tmp_path, "b.csv.ok", b"")
    rows, _, pull = pulled(tmp_path, {**EACH, "complete_when": ".ok"})
    assert ([r[1] for r in rows], pull.failures) == (["1", "2"], ())


def test_the_lines_that_could_not_be_read_are_counted_with_the_first_of_them(tmp_path):
    drop(tmp_path, "a.csv", b'id,name\n1,a\n\n2\n"x\ny",3\n4,"b"c\n5,6,7\n')
    _, rejects, pull = pulled(tmp_path, EACH)
    assert sorted((r["position"], r["reason"]) for r in rejects) == [(4, "ragged"), (7, "bad_quote"), (8, "ragged")]
    assert "3 行" in said(pull)
    assert "第 4 行" in said(pull)


def test_two_encodings_in_one_file_are_told_apart_line_by_line(tmp_path):
    lines = [f"{n},张三李四\n".encode("gb18030") for n in range(20)]
    lines[7] = "7,赵六王五\n".encode()
    drop(tmp_path, "a.csv", b"id,name\n" + b"".join(lines))
    rows, rejects, _ = pulled(tmp_path, {**EACH, "encoding": "gbk"})
    assert [int(r[1]) for r in rows] == [n for n in range(20) if n != 7]
    assert [(r["position"], r["raw"]) for r in rejects] == [(9, lines[7].rstrip())]


def test_three_characters_of_another_encoding_are_enough(tmp_path):
    drop(tmp_path, "a.csv", "id,名\n1,張三豐\n".encode("big5"))
    with pytest.raises(SourceChanged, match="Big5"):
        pulled(tmp_path, {**EACH, "encoding": "gb18030"})


def test_where_the_newest_file_counts_an_older_one_that_is_mended_does_not_win(tmp_path):
    read = {**EACH, "duplicates": "newest"}
    drop(tmp_path, "名单_9月.csv", "id,name\n1,九月\n2,九月\n".encode())
    drop(tmp_path, "名单_10月.csv", "id,name\n1,十月\n".encode())
    _, _, pull = pulled(tmp_path, read)
    assert pull.order == ("名单_9月.csv", "名单_10月.csv")
    drop(tmp_path, "名单_9月.csv", "id,name\n1,更正\n2,更正\n".encode())
    rows, _, second = pulled(tmp_path, read, pull.cursor)
    assert [r[2] for r in rows] == ["更正", "更正", "十月"]
    assert second.order[-1] == "名单_10月.csv"
    drop(tmp_path, "名单_终稿.csv", "id,name\n1,终稿\n".encode())
    with pytest.raises(SourceChanged, match="终稿"):
        pulled(tmp_path, read, second.cursor)


@pytest.mark.parametrize(
    ("batch", "names"),
    [(r"_(\d+)月", {"n_12月.csv": 20, "n_1月.csv": 0}), (r"_([\d-]+)", {"n_01-09-2026.csv": 0, "n_02-08-2026.csv": 30}),
     (r"_(\d+)", {"n_20260901.csv": 90, "n_202612.csv": 0})],
)  # fmt: skip
def test_batches_whose_order_cannot_be_told_are_refused_by_name(tmp_path, batch, names):
    for name, days in names.items():
        drop(tmp_path, name, b"id,name\n1,a\n", age=60 + days * 86_400)
    with pytest.raises(SourceChanged, match="最新"):
        pulled(tmp_path, {"key": ["id"], "whole": "all", "batch": batch})


def test_nothing_but_files_that_may_not_be_read_is_an_error_that_names_them(tmp_path):
    drop(tmp_path, "readme.csv", b"id,name\n9,x\n")
    with pytest.raises(SourceUnavailable, match=r"readme\.csv"):
        pulled(tmp_path, {"key": ["id"], "whole": "all", "batch": r"_(\d+)"})


def test_files_alike_are_drafted_as_one_dataset_with_how_they_are_read(tmp_path):
    for town in ("赵集镇", "李寨镇"):
        for month in (9, 10):
            drop(tmp_path, f"{town}_{month}月.csv", f"编号,姓名\n1,{town}\n".encode("gb18030"))
    drop(tmp_path, "orders_1.csv", b"id;amount\n1;2\n")
    drop(tmp_path, "ledger.csv", "人员台账,,\n编号,姓名,电话\n1,张三,1\n".encode())
    drop(tmp_path, "notes.csv", b"%PDF-1.7")
    drafted = {f.name: (tuple(c.name for c in f.columns), dict(f.reading)) for f in found(sorted(tmp_path.iterdir()))}
    assert drafted == {
        "*月.csv": (("编号", "姓名"), {"encoding": "gb18030"}),
        "orders_1.csv": (("id", "amount"), {"delimiter": ";"}),
        "ledger.csv": (("编号", "姓名", "电话"), {"header": 2}),
    }
