import datetime as dt

import pytest
from pydantic import ValidationError

from orchestration.assets import schedule_of
from schemas.registration import Limits, System


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
    assert Limits(window=window).left(dt.time.fromisoformat(clock)) == (None if hours is None else dt.timedelta(hours=hours))


@pytest.mark.parametrize("window", ["22:00", "24:00-06:00", "22:60-06:00", "2:00-6:00", "22:00-06:00 "])
def test_hours_that_do_not_exist_are_refused(window):
    with pytest.raises(ValidationError):
        Limits(window=window)


def system(**words):
    return System.model_validate({"path": "civil_affairs/a", "title": "救助", "stage": "surveyed", **words})


@pytest.mark.parametrize("schedule", ["daily 12:00", "weekly mon 06:00", "monthly 5 21:59"])
def test_a_schedule_that_could_never_read_is_refused(schedule):
    with pytest.raises(ValidationError, match="永远不会读取"):
        system(schedule=schedule, limits={"window": "22:00-06:00"})


@pytest.mark.parametrize("schedule", ["daily 22:00", "daily 05:59", "hourly", "every 5 minutes"])
def test_a_schedule_that_meets_the_hours_is_taken(schedule):
    assert system(schedule=schedule, limits={"window": "22:00-06:00"}).schedule == schedule
    assert system(schedule=schedule).schedule == schedule


@pytest.mark.parametrize("window", ["22:00-06:00", "08:00-08:30", "23:50-00:10"])
def test_without_a_schedule_a_time_within_the_hours_is_found(window):
    for n in range(40):
        one = System.model_validate({**system(limits={"window": window}).model_dump(), "path": f"civil_affairs/a{n}"})
        minute, hour = map(int, schedule_of(one).split()[:2])
        assert one.limits.left(dt.time(hour, minute))
