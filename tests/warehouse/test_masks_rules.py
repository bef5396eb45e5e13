"""Masks: what stays visible, that short and odd values show nothing more, and that pseudonyms are real HMACs."""

import hashlib
import hmac
import threading
from typing import get_args

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import HubError
from schemas.records import Mask
from warehouse.keys import key
from warehouse.masks import mask_sql, pseudonym_sql

con = duckdb.connect()
MASKS = get_args(Mask)


def masked(mask, *values):
    con.execute("CREATE OR REPLACE TEMP TABLE t (n INTEGER, x VARCHAR)")
    con.executemany("INSERT INTO t VALUES (?, ?)", list(enumerate(values)))
    return [r[0] for r in con.execute(f"SELECT {mask_sql(mask, 'x')} FROM t ORDER BY n").fetchall()]


def one(mask, value):
    return con.execute(f"SELECT {mask_sql(mask, 'x')} FROM (SELECT ?::VARCHAR AS x)", [value]).fetchone()[0]


@pytest.mark.parametrize(
    ("mask", "value", "seen"),
    [
        ("name", "李明", "李*"),
        ("name", "李小明", "李**"),
        ("name", "欧阳小明", "欧阳**"),
        ("name", "欧阳明", "欧阳*"),
        ("name", "司马", "司*"),
        ("name", "李", "*"),
        ("name", "𠮷野家", "𠮷**"),
        ("name", "买买提·吐尔逊", "买**·吐**"),
        ("name", "阿依古丽•买", "阿***·*"),
        ("id_number", "99999919800101001X", "9***************1X"),
        ("id_number", "999999800101001", "9************01"),
        ("id_number", "E1234", "***"),
        ("phone", "19900001234", "199****1234"),
        ("phone", "0394-1234567", "0394-*****67"),
        ("phone", "010-12345678-801", "010-*****78"),
        ("phone", "1234567", "***"),
        ("phone", "199000012345", "***"),
        ("address", "河南省项城市水寨镇东大街5号", "河南省项城市水寨镇***"),
        ("address", "项城市花园街道办事处莲花路3号", "项城市花园街道办事处***"),
        ("address", "河南省新乡县小冀镇1号", "河南省新乡县小冀镇***"),
        ("address", "江西省景德镇市昌江区鲇鱼山镇8号", "江西省景德镇市昌江区鲇鱼山镇***"),
        ("address", "河南省项城市莲花大道12号", "河南省项城市***"),
        ("address", "莲花大道12号阳光花园", "***"),
        ("address", "阳光小区东镇3号", "***"),
        ("address", "河南省项城市阳光小区3号楼", "河南省项城市***"),
        ("address", "水寨镇", "水寨镇***"),
        ("bank_card", "6222020000001234567", "***************4567"),
        ("bank_card", "12345", "***"),
        ("birth_date", "1980-01-02", "1980"),
        ("birth_date", "19800102", "1980"),
        ("birth_date", "1980", "1980"),
        ("birth_date", "800102", "***"),
        ("text", "说来话长", "***"),
        ("text", "", "***"),
    ],
)
def test_a_mask_leaves_what_its_rule_says(mask, value, seen):
    assert one(mask, value) == seen


def test_a_date_column_becomes_its_year():
    assert con.execute(f"SELECT {mask_sql('birth_date', 'x')} FROM (SELECT DATE '1980-01-02' AS x)").fetchone()[0] == "1980"


@pytest.mark.parametrize("mask", MASKS)
def test_nothing_stays_nothing(mask):
    assert one(mask, None) is None


_piece = st.sampled_from(
    [*"李欧阳司马𠮷·•*0123456789-X省市县区镇乡街道路号村 "]  # noqa: RUF005 one character each
    + ["河南省", "项城市", "水寨镇", "阳光小区", "新乡", "街道办事处", "0394-", "199", "19800101"]
)
_anything = st.text(max_size=25) | st.lists(_piece, max_size=12).map("".join)


@settings(max_examples=30, deadline=None)
@given(st.lists(_anything, min_size=1, max_size=40))
def test_masking_twice_is_masking_once(values):
    for mask in MASKS:
        once = masked(mask, *values)
        assert masked(mask, *once) == once, mask


VISIBLE = {"name": 2, "id_number": 3, "phone": 7, "bank_card": 4, "birth_date": 4, "text": 0}


@settings(max_examples=30, deadline=None)
@given(st.lists(_anything.filter(lambda v: "*" not in v), min_size=1, max_size=40))
def test_no_value_shows_more_than_the_rule_however_short_or_odd(values):
    for mask, most in VISIBLE.items():
        for value, seen in zip(values, masked(mask, *values), strict=True):
            left = sum(c not in "*·-" for c in seen)
            most_here = most + value.count("·") + value.count("•") if mask == "name" else most
            assert left <= most_here, (mask, value, seen)
            assert left < len(value) or left == 0 or (mask == "birth_date" and len(value) == 4), (mask, value, seen)


@settings(max_examples=30, deadline=None)
@given(st.lists(_anything, min_size=1, max_size=40))
def test_a_masked_address_is_a_beginning_of_the_address_without_numbers(values):
    for value, seen in zip(values, masked("address", *values), strict=True):
        kept = seen.removesuffix("***")
        assert value.startswith(kept)
        assert not any(c.isdigit() or c in "路号村" for c in kept)
        assert "小区" not in kept


def test_two_screens_together_do_not_give_the_number_back():
    number, born = "99999919800101001X", "1980-01-01"
    screens = one("id_number", number), one("birth_date", born)
    hidden = [n for n, c in enumerate(screens[0]) if c == "*" and not 6 <= n < 10]
    assert len(hidden) >= 11


def test_a_pseudonym_is_an_hmac_of_the_value():
    secret = "ab" * 32
    for value in ("99999919800101001X", "𠮷", ""):
        made = con.execute(f"SELECT {pseudonym_sql('x', secret)} FROM (SELECT ?::VARCHAR AS x)", [value]).fetchone()[0]
        assert made == hmac.new(bytes.fromhex(secret), value.encode(), hashlib.sha256).hexdigest()[:32]
    assert con.execute(f"SELECT {pseudonym_sql('NULL', secret)}").fetchone()[0] is None


def test_two_audiences_have_different_pseudonyms(tmp_path):
    first, second = (con.execute(f"SELECT {pseudonym_sql(repr('x'), key(tmp_path, n))}").fetchone()[0] for n in ("a", "b"))
    assert first != second


def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path):
    keys: list[str] = []
    threads = [threading.Thread(target=lambda: keys.append(key(tmp_path, "analyst"))) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(keys) == 8 and len(set(keys)) == 1 and len(keys[0]) == 64
    assert [p.name for p in (tmp_path / "keys").iterdir()] == ["analyst"]
    assert (tmp_path / "keys" / "analyst").stat().st_mode & 0o777 == 0o600


def test_a_key_that_others_can_read_or_that_is_damaged_is_refused(tmp_path):
    key(tmp_path, "analyst")
    path = tmp_path / "keys" / "analyst"
    path.chmod(0o644)
    with pytest.raises(HubError, match="chmod 600"):
        key(tmp_path, "analyst")
    path.chmod(0o600)
    path.write_text("ab")
    with pytest.raises(HubError, match="备份"):
        key(tmp_path, "analyst")
    with pytest.raises(ValueError):
        key(tmp_path, "../analyst")
