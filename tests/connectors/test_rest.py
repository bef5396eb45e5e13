import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.connectors.paper_interface import PAGES, interface, opened, read, system

from schemas.errors import SourceUnavailable


def rows(count: int, **more: object) -> list[dict]:
    return [{"id": f"{n:04d}", "name": f"甲{n}", **more} for n in range(count)]


@pytest.fixture
def far():
    with interface() as made:
        yield made


@pytest.mark.parametrize("kind", PAGES)
def test_every_way_of_paging_gives_all_rows_once(far, kind):
    far.kind, far.rows = kind, rows(8)
    of = system({"page": {**PAGES[kind], "rows": 3}})
    got, pull = read(opened(far, of), of)
    assert got == far.rows
    assert pull.whole == {""}
    assert pull.cursor is None


def test_a_list_that_falls_short_of_its_total_is_never_believed(far):
    far.rows, far.total = rows(8), lambda page: 9
    of = system()
    with pytest.raises(SourceUnavailable, match="9 行"):
        read(opened(far, of), of)
