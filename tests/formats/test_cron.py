from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meshwright.formats import cron

BERLIN = "Europe/Berlin"


def moments(expression: str, timezone: str, after: str, count: int) -> list[str]:
    """The next *count* moments after *after*, in UTC."""
    at, found = datetime.fromisoformat(after), []
    for _ in range(count):
        at = cron.following(expression, timezone, at)
        found.append(f"{at:%Y-%m-%dT%H:%M}")
    return found


def test_a_moment_follows_the_clock_of_its_time_zone() -> None:
    assert moments("0 6 * * *", BERLIN, "2026-03-27T12:00Z", 3) == [
        "2026-03-28T05:00",
        "2026-03-29T04:00",
        "2026-03-30T04:00",
    ]


def test_a_fixed_time_that_the_clocks_skip_comes_once_at_the_end_of_the_gap() -> None:
    assert moments("30 2 * * *", BERLIN, "2026-03-28T12:00Z", 2) == ["2026-03-29T01:00", "2026-03-30T00:30"]
    # Two times in the gap are one moment.
    assert moments("10,40 2 * * *", BERLIN, "2026-03-28T12:00Z", 2) == ["2026-03-29T01:00", "2026-03-30T00:10"]


def test_a_fixed_time_that_the_clocks_repeat_comes_once_the_first_time() -> None:
    assert moments("30 2 * * *", BERLIN, "2026-10-24T12:00Z", 2) == ["2026-10-25T00:30", "2026-10-26T01:30"]
    for within in ("2026-10-25T00:45Z", "2026-10-25T01:10Z", "2026-10-25T01:45Z"):
        assert moments("30 2 * * *", BERLIN, within, 1) == ["2026-10-26T01:30"]


def test_every_hour_comes_in_both_of_two_equal_hours() -> None:
    assert moments("0 * * * *", BERLIN, "2026-10-24T23:30Z", 3) == [
        "2026-10-25T00:00",
        "2026-10-25T01:00",
        "2026-10-25T02:00",
    ]


def test_a_day_of_the_month_and_one_of_the_week_are_either_of_both() -> None:
    assert moments("0 0 13 * FRI", "UTC", "2026-11-12T00:00Z", 3) == [
        "2026-11-13T00:00",
        "2026-11-20T00:00",
        "2026-11-27T00:00",
    ]


@pytest.mark.parametrize(
    ("expression", "timezone", "says"),
    [
        ("0 6 * *", "UTC", "has 4 fields: write minute, hour"),
        ("0 0 6 * * *", "UTC", "has 6 fields: write minute, hour"),
        ("", "UTC", "has 0 fields"),
        ("@often", "UTC", "or one of @hourly, @daily"),
        ("61 * * * *", "UTC", "'61 . . . .' has no such minute"),
        ("* 24 * * *", "UTC", "has no such hour"),
        ("0 6 * * FUN", "UTC", "has no such day of week"),
        ("0 0 30 2 *", "UTC", "has no such day of month"),
        ("0 6 * * *", "Europe/Berln", "there is no time zone 'Europe/Berln': write a name such as Europe/Berlin"),
        ("0 6 * * *", "Europe", "there is no time zone"),
        ("0 6 * * *", "../../etc/passwd", "there is no time zone"),
    ],
)
def test_what_is_no_schedule_is_refused_saying_what_to_write(expression: str, timezone: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        cron.check(expression, timezone)


@given(
    st.sampled_from(
        ["* * * * *", "0 * * * *", "30 2 * * *", "15 1,2,3 * * *", "*/7 2 * * *", "0 */2 * * SUN", "@daily"]
    ),
    st.sampled_from(["UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns"]),
    st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 12, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis adds the zone
)
def test_moments_only_go_forward_and_none_is_skipped_by_asking_in_between(
    expression: str, timezone: str, after: datetime
) -> None:
    first = cron.following(expression, timezone, after)
    assert first > after
    for share in (0.1, 0.5, 0.9):
        between = after + (first - after) * share
        if between < first:
            assert cron.following(expression, timezone, between) == first
    assert cron.following(expression, timezone, first - timedelta(microseconds=1)) == first
