import datetime as dt

import pytest
from pydantic import ValidationError

from schemas.registration import Limits


@pytest.mark.parametrize(
    ("window", "clock", "hours"),
    [
        (None, "12:00", None),
        ("08:00-18:00", "07:59", 0),
        ("08:00-18:00", "08:00", 10),
        ("08:00-18:00", "17:00", 1),
        ("08:00-18:00", "18:00", 0),
        ("22:00-06:00", "21:00", 0),
        ("22:00-06:00", "22:00", 8),
        ("22:00-06:00", "00:00", 6),
        ("22:00-06:00", "05:00", 1),
        ("22:00-06:00", "06:00", 0),
        ("00:00-00:00", "00:00", 24),
        ("00:00-00:00", "13:00", 11),
    ],
)
def test_how_long_a_far_side_may_still_be_read(window, clock, hours):
    now = dt.datetime.combine(dt.date(2026, 1, 31), dt.time.fromisoformat(clock))
    assert Limits(window=window).left(now) == (None if hours is None else dt.timedelta(hours=hours))


@pytest.mark.parametrize("window", ["22:00", "24:00-06:00", "22:60-06:00", "2:00-6:00", "22:00-06:00 "])
def test_hours_that_do_not_exist_are_refused(window):
    with pytest.raises(ValidationError):
        Limits(window=window)
