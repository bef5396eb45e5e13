"""Files as people and exports leave them: half written, still growing, short of a part, ragged, spoilt by Excel."""

import csv
import io
import os
import time

import openpyxl
import pytest

from schemas.errors import SourceChanged, SourceUnavailable
from tests.end_to_end.town import COLUMNS, SYSTEM, TABLE, registration, row, says


def text_of(rows, encoding="gb18030"):
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode(encoding)


def dropped(town, name, content, *, ago=60):
    path = town.drop / name
    path.write_bytes(content)
    os.utime(path, (time.time() - ago,) * 2)
    return path


def read(town, **words):
    town.register(registration({"files": "*.csv", "encoding": "gb18030", "settled": "1 seconds", **words}, "files"))
    town.connect({"connector": "files", "folder": str(town.drop)})


def numbered(*numbers):
    return [row(n) for n in numbers]


def test_a_half_written_export_is_not_taken_for_the_whole(town):
    """With a control file, an export cut off in the middle is late; nothing of it is read."""
    read(town, whole="all", complete_when=".ok")
    dropped(town, "a.csv", text_of(numbered(*range(1, 21))))
    (town.drop / "a.csv.ok").touch()
    town.sync()
    before = town.standing()
    whole = text_of(numbered(*range(1, 26)))
    (town.drop / "a.csv.ok").unlink()
    dropped(town, "a.csv", whole[: len(whole) // 2])
    says(town.sync().error, SourceUnavailable, f"{SYSTEM}/person", "a.csv")
    assert town.standing() == before
    dropped(town, "a.csv", whole)
    (town.drop / "a.csv.ok").touch()
    assert town.sync().accepted
    assert town.count() == 25


def test_an_export_cut_off_where_others_are_whole_is_not_read(town):
    """Nobody agreed on a control file, so only its last line tells: the export before ended with a line end, this one does not."""
    read(town, whole="all")
    whole = text_of(numbered(*range(1, 21)))
    dropped(town, "a.csv", whole)
    town.sync()
    before = town.standing()
    for length in (whole.index(b"\r\n18,") + 8, len(whole) - 3):  # in the middle of a row, and in its last value
        dropped(town, "a.csv", whole[:length])
        says(town.sync().error, SourceUnavailable, f"{SYSTEM}/person", "a.csv", "行中间结束")
        assert town.standing() == before


def test_a_part_that_was_cut_off_keeps_its_batch_from_being_read(town):
    read(town, files="b*_*.csv", whole="per batch", batch=r"(b\d+)_", parts=2)
    for part, numbers in ((1, (1, 2, 3)), (2, (4, 5, 6))):
        dropped(town, f"b1_{part}.csv", text_of(numbered(*numbers)))
    assert town.sync().accepted
    dropped(town, "b1_2.csv", text_of(numbered(4, 5, 6))[:-20])
    dropped(town, "b2_1.csv", text_of(numbered(7)))
    dropped(town, "b2_2.csv", text_of(numbered(8)))
    outcome = town.sync()
    assert town.count() == 8
    says(outcome.error, SourceUnavailable, "b1_2.csv", "行中间结束")
    assert outcome.state == "changed"


def test_an_export_whose_last_row_is_short_deletes_nothing(town):
    """Its exports never end with a line end, so the last row tells; neither it nor what was to come behind it is gone."""
    read(town, whole="all")
    whole = text_of(numbered(*range(1, 21)))
    dropped(town, "a.csv", whole.rstrip(b"\r\n"))
    town.sync()
    dropped(town, "a.csv", whole[: whole.index(b"\r\n18,") + 8])
    outcome = town.sync()
    assert outcome.error is None
    assert outcome.landed.absent == 3
    assert town.count("landing") == town.count() == 20
    assert ("landing", "ragged") in {(s, r) for _, s, _, r, _ in town.held()}
    dropped(town, "a.csv", whole)
    town.sync()
    assert (town.count(), town.held()) == (20, [])


@pytest.mark.parametrize("content", [b"", b"NO,SFZH,XM"])
def test_a_file_without_a_whole_header_is_late(town, content):
    read(town, whole="all")
    dropped(town, "a.csv", text_of(numbered(1, 2)))
    town.sync()
    before = town.standing()
    dropped(town, "a.csv", content)
    says(town.sync().error, SourceUnavailable, f"{SYSTEM}/person", "a.csv")
    assert town.standing() == before


def test_a_file_still_being_written_waits(town):
    read(town, whole="all", settled="1 hours")
    path = dropped(town, "a.csv", text_of(numbered(1, 2)), ago=7200)
    town.sync()
    before = town.standing()
    dropped(town, "a.csv", text_of(numbered(1)), ago=0)  # the beginning of the next export
    says(town.sync().error, SourceUnavailable, f"{SYSTEM}/person", "a.csv")
    assert town.standing() == before
    path.write_bytes(text_of(numbered(1, 2, 3)))
    os.utime(path, (time.time() - 7200,) * 2)
    assert town.sync().accepted
    assert town.count() == 3


def test_a_batch_that_lacks_a_part_waits_for_it(town):
    read(town, whole="all", batch=r"^(\d{8})_", parts=2)
    for part, numbers in (("1", range(1, 6)), ("2", range(6, 11))):
        dropped(town, f"20260101_{part}.csv", text_of(numbered(*numbers)))
    town.sync()
    assert town.count() == 10
    before = town.standing()
    dropped(town, "20260102_1.csv", text_of(numbered(*range(1, 7))))
    outcome = town.sync()
    assert outcome.error is None
    assert outcome.state == "unchanged"  # the last whole batch still stands, nothing of the new one is read
    assert {k: v for k, v in town.standing().items() if k not in ("cursors", "made")} == {
        k: v for k, v in before.items() if k not in ("cursors", "made")
    }
    for old in town.drop.glob("20260101_*"):
        old.unlink()
    says(town.sync().error, SourceUnavailable, f"{SYSTEM}/person", "20260102", "1")
    assert town.count() == 10
    dropped(town, "20260102_2.csv", text_of(numbered(*range(7, 12))))
    assert town.sync().accepted
    assert town.count() == 11


def test_ragged_and_undecodable_rows_wait_with_their_bytes_and_the_others_land(town):
    read(town, whole="all")
    dropped(town, "a.csv", text_of(numbered(*range(1, 11))))
    town.sync()
    content = text_of(numbered(*range(1, 13)))
    content = content.replace(b"\r\n3,", b"\r\n3,extra,").replace("张5".encode("gb18030"), b"\xff\xfe5")
    dropped(town, "a.csv", content)
    outcome = town.sync()
    assert outcome.error is None
    assert town.count("landing") == town.count() == 12  # 3 and 5 stand as they were
    assert {(s, r) for _, s, _, r, _ in town.held()} == {("landing", "ragged"), ("landing", "undecodable")}
    assert all(raw for (raw,) in town.rows(f"quarantine.{TABLE}", "raw"))
    dropped(town, "a.csv", text_of(numbered(*range(1, 13))))
    town.sync()
    assert (town.count(), town.held()) == (12, [])


def test_another_encoding_than_registered_is_the_owners_move(town):
    read(town, whole="all", encoding="utf-8")
    dropped(town, "a.csv", text_of(numbered(1, 2), "utf-8"))
    town.sync()
    before = town.standing()
    dropped(town, "a.csv", text_of(numbered(1, 2, 3), "gb18030"))
    says(town.sync().error, SourceChanged, f"{SYSTEM}/person", "utf-8")
    assert town.standing() == before


def test_a_number_excel_has_spoilt_holds_its_row_and_deletes_nobody(town):
    """A 19-digit number typed as a number has lost its last digits: what it was cannot be known."""
    read(town, whole="all", files="*.xlsx", encoding=None)

    def book(second, name="李四"):
        made = openpyxl.Workbook()
        made.active.append(COLUMNS)
        for n, number in ((1, row(1)["SFZH"]), (2, second)):
            made.active.append([str(n), number, "张三" if n == 1 else name, "1", "1980-01-01", "100.00"])
        path = town.drop / "a.xlsx"
        made.save(path)
        os.utime(path, (time.time() - 60,) * 2)

    book(row(2)["SFZH"])
    town.sync()
    assert town.count() == 2
    book(9999991980010100217)
    outcome = town.sync()
    assert outcome.error is None
    assert town.count("landing") == town.count() == 2
    assert [(s, r) for _, s, _, r, _ in town.held()] == [("landing", "lost_digits")]
    book(row(2)["SFZH"], "李四改")
    town.sync()
    assert (town.held(), town.rows(f"standard.{TABLE}", "name", "_key = '2'")) == ([], [("李四改",)])


def test_a_folder_that_is_not_there_is_not_an_empty_folder(town):
    read(town, whole="all")
    dropped(town, "a.csv", text_of(numbered(1, 2)))
    town.sync()
    before = town.standing()
    town.drop.rename(town.drop.with_name("away"))
    says(town.sync().error, SourceUnavailable, f"{SYSTEM}/person", "drop")
    town.drop.mkdir()
    says(town.sync().error, SourceUnavailable, f"{SYSTEM}/person", "*.csv")
    assert town.standing() == before


def test_a_file_out_of_form_fails_by_name_and_the_others_are_accepted(town):
    read(town, whole="per file")
    dropped(town, "a.csv", text_of(numbered(1, 2)))
    dropped(town, "b.csv", b"\r\n" + text_of(numbered(3)))
    for _ in range(2):  # it keeps its line until it is mended
        outcome = town.sync()
        says(outcome.error, SourceChanged, f"{SYSTEM}/person", "b.csv", "空行")
        assert town.count() == 2
    dropped(town, "b.csv", text_of(numbered(3)))
    assert town.sync().error is None
    assert town.count() == 3
