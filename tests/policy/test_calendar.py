"""Windows of the calendar: what they hold, where they begin, and what a clock that is put forward or back does."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import get_args
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.model.limit import SECOND_NS, Unit
from exeat.policy.calendar import Window, window

UNITS: tuple[Unit, ...] = get_args(Unit)
HOUR = 3_600
DAY = 86_400
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Where clocks have done what they seldom do.
CURIOUS = [
    "UTC", "Europe/Berlin", "Europe/Dublin", "America/New_York", "America/Sao_Paulo", "America/St_Johns",
    "America/Havana", "America/Toronto", "America/Juneau", "America/Caracas", "Asia/Beirut", "Asia/Kathmandu",
    "Asia/Manila", "Asia/Gaza", "Asia/Tehran", "Africa/Casablanca", "Africa/Monrovia", "Africa/Cairo",
    "Australia/Lord_Howe", "Antarctica/Troll", "Antarctica/Casey", "Pacific/Apia", "Pacific/Kwajalein",
    "Pacific/Chatham",
]  # fmt: skip
ZONES = st.sampled_from(CURIOUS) | st.sampled_from(sorted(available_timezones()))
FROM = int(datetime(1850, 1, 1, tzinfo=UTC).timestamp())
UNTIL = int(datetime(2150, 1, 1, tzinfo=UTC).timestamp())


def local(zone: str, second: int) -> datetime:
    return (EPOCH + timedelta(seconds=second)).astimezone(ZoneInfo(zone))


def offset(zone: str, second: int) -> timedelta:
    found = local(zone, second).utcoffset()
    assert found is not None
    return found


@cache
def changes(zone: str, year: int) -> tuple[int, ...]:
    """When a zone changes its offset in a year, to the second."""
    begin = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    found = []
    for day in range(begin, begin + 366 * DAY, DAY):
        low, high = day, day + DAY
        if offset(zone, low) != offset(zone, high):
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(zone, middle) == offset(zone, low) else (low, middle)
            found.append(high)
    return tuple(found)


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, int]:
    """A zone and a time in seconds, often close to a change of the zone's clock."""
    zone = draw(ZONES)
    near = draw(st.sampled_from([0, 1, 60, HOUR, DAY, 40 * DAY]))
    found = changes(zone, draw(st.integers(1880, 2040))) if near else ()
    if not found:
        return zone, draw(st.integers(FROM, UNTIL))
    return zone, draw(st.sampled_from(found)) + draw(st.integers(-near, near))


def at(unit: Unit, zone: str, text: str) -> Window:
    return window(unit, ZoneInfo(zone), int(datetime.fromisoformat(text).timestamp()) * SECOND_NS)


def span(begin: str, end: str) -> Window:
    first, last = (int(datetime.fromisoformat(text).timestamp()) * SECOND_NS for text in (begin, end))
    return Window(first, last)


@pytest.mark.parametrize(
    ("unit", "zone", "text", "begin", "end"),
    [
        ("minute", "UTC", "2026-11-29T03:20:28Z", "2026-11-29T03:20Z", "2026-11-29T03:21Z"),
        ("hour", "UTC", "2026-11-29T03:20:28Z", "2026-11-29T03:00Z", "2026-11-29T04:00Z"),
        ("hour", "Asia/Kathmandu", "2026-11-29T03:20:28Z", "2026-11-29T03:15Z", "2026-11-29T04:15Z"),
        ("day", "UTC", "2026-11-29T00:00:00Z", "2026-11-29T00:00Z", "2026-11-30T00:00Z"),
        ("day", "Asia/Tokyo", "2026-11-29T16:00:00Z", "2026-11-30T00:00+09:00", "2026-12-01T00:00+09:00"),
        ("week", "UTC", "2026-11-29T03:20:28Z", "2026-11-23T00:00Z", "2026-11-30T00:00Z"),
        ("week", "UTC", "2026-11-30T00:00:00Z", "2026-11-30T00:00Z", "2026-12-07T00:00Z"),
        ("month", "UTC", "2024-02-29T23:59:59Z", "2024-02-01T00:00Z", "2024-03-01T00:00Z"),
        ("month", "UTC", "2026-12-31T23:59:59Z", "2026-12-01T00:00Z", "2027-01-01T00:00Z"),
        ("month", "Europe/Berlin", "2026-03-31T22:30:00Z", "2026-04-01T00:00+02:00", "2026-05-01T00:00+02:00"),
        ("year", "Europe/Berlin", "2026-07-01T00:00:00Z", "2026-01-01T00:00+01:00", "2027-01-01T00:00+01:00"),
        ("year", "UTC", "1969-12-31T23:59:59Z", "1969-01-01T00:00Z", "1970-01-01T00:00Z"),
    ],
)
def test_a_window_is_what_the_calendar_says(unit: Unit, zone: str, text: str, begin: str, end: str) -> None:
    """Minutes to years begin and end where a calendar of the zone says."""
    assert at(unit, zone, text) == span(begin, end)


@pytest.mark.parametrize(
    ("zone", "text", "begin", "end", "hours"),
    [
        # Put forward and back in the night.
        ("Europe/Berlin", "2026-03-29T12:00Z", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00", 23),
        ("Europe/Berlin", "2026-10-25T12:00Z", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00", 25),
        ("Australia/Lord_Howe", "2026-04-05T01:00Z", "2026-04-05T00:00+11:00", "2026-04-06T00:00+10:30", 24.5),
        # Midnight doesn't exist: the day begins at one.
        ("America/Sao_Paulo", "2018-11-04T12:00Z", "2018-11-04T01:00-02:00", "2018-11-05T00:00-02:00", 23),
        ("Asia/Beirut", "2022-03-27T12:00Z", "2022-03-27T01:00+03:00", "2022-03-28T00:00+03:00", 23),
        # From 23:30 to 00:30: the day before is half an hour shorter, and so is this one.
        ("America/Toronto", "1919-03-31T12:00Z", "1919-03-31T00:30-04:00", "1919-04-01T00:00-04:00", 23.5),
        ("America/Toronto", "1919-03-30T12:00Z", "1919-03-30T00:00-05:00", "1919-03-31T00:30-04:00", 23.5),
        # Midnight happens twice: the day begins with the first.
        ("America/Havana", "2026-11-01T12:00Z", "2026-11-01T00:00-04:00", "2026-11-02T00:00-05:00", 25),
        # Put back from 00:01 to 23:01: the day before is over.
        ("America/St_Johns", "2006-10-29T12:00Z", "2006-10-29T00:00-02:30", "2006-10-30T00:00-03:30", 25),
        ("America/St_Johns", "2006-10-29T02:45Z", "2006-10-29T00:00-02:30", "2006-10-30T00:00-03:30", 25),
        ("America/St_Johns", "2006-10-28T12:00Z", "2006-10-28T00:00-02:30", "2006-10-29T00:00-02:30", 24),
        # A day that never was, and one that was almost twice as long.
        ("Pacific/Apia", "2011-12-30T09:59Z", "2011-12-29T00:00-10:00", "2011-12-31T00:00+14:00", 24),
        ("Pacific/Kwajalein", "1969-09-30T20:00Z", "1969-09-30T00:00+11:00", "1969-10-01T00:00-12:00", 47),
    ],
)
def test_a_day_may_be_longer_or_shorter(zone: str, text: str, begin: str, end: str, hours: float) -> None:
    """A day begins with its first instant and has as many hours as the zone's clock gives it."""
    found = at("day", zone, text)
    assert found == span(begin, end)
    assert (found.end_ns - found.begin_ns) / SECOND_NS / HOUR == hours


@pytest.mark.parametrize(
    ("zone", "text", "begin", "end"),
    [
        ("Europe/Berlin", "2026-10-25T00:30Z", "2026-10-25T02:00+02:00", "2026-10-25T02:00+01:00"),
        ("Europe/Berlin", "2026-10-25T01:30Z", "2026-10-25T02:00+01:00", "2026-10-25T03:00+01:00"),
        ("Europe/Berlin", "2026-03-29T00:30Z", "2026-03-29T01:00+01:00", "2026-03-29T03:00+02:00"),
        ("America/Toronto", "1919-03-31T04:15Z", "1919-03-30T23:00-05:00", "1919-03-31T00:30-04:00"),
        ("America/Toronto", "1919-03-31T04:45Z", "1919-03-31T00:30-04:00", "1919-03-31T01:00-04:00"),
        # Half of an hour happens twice.
        ("Australia/Lord_Howe", "2026-04-04T14:45Z", "2026-04-05T01:00+11:00", "2026-04-05T02:00+11:00"),
        ("Australia/Lord_Howe", "2026-04-04T15:15Z", "2026-04-05T01:30+10:30", "2026-04-05T02:00+10:30"),
        # Put back from 00:01 to 23:01.
        ("America/St_Johns", "2006-10-29T02:30Z", "2006-10-29T00:00-02:30", "2006-10-29T00:01-02:30"),
        ("America/St_Johns", "2006-10-29T02:45Z", "2006-10-28T23:01-03:30", "2006-10-29T00:00-03:30"),
        # A clock that is put forward by less than an hour, within one: Monrovia lost 44 minutes and 30 seconds.
        ("Africa/Monrovia", "1972-01-07T00:40Z", "1972-01-06T23:00-00:44:30", "1972-01-07T00:44:30Z"),
        ("Africa/Monrovia", "1972-01-07T00:50Z", "1972-01-07T00:44:30Z", "1972-01-07T01:00Z"),
    ],
)
def test_hours_where_the_clock_changes(zone: str, text: str, begin: str, end: str) -> None:
    """An hour that happens twice is two windows; one that is cut short ends where the clock changes."""
    assert at("hour", zone, text) == span(begin, end)


def test_a_clock_put_forward_within_an_hour_does_not_end_it() -> None:
    """An hour in which some minutes are left out is one window still."""
    # In Athens, in 1916, it was 0:26:08 when it would have been 0:01.
    change = changes("Europe/Athens", 1916)[0]
    before, after = (window("hour", ZoneInfo("Europe/Athens"), (change + by) * SECOND_NS) for by in (-1, 0))
    assert before == after
    assert (before.end_ns - before.begin_ns) // SECOND_NS == HOUR - (25 * 60 + 8)


@given(moments(), st.sampled_from(UNITS), st.integers(0, SECOND_NS - 1))
def test_windows_follow_each_other(moment: tuple[str, int], unit: Unit, rest: int) -> None:
    """A window holds its time, is found from any time in it, and its neighbours begin and end where it does."""
    zone, now = ZoneInfo(moment[0]), moment[1] * SECOND_NS + rest
    found = window(unit, zone, now)
    assert found.holds(now)
    assert found.begin_ns < found.end_ns
    assert found.holds(found.begin_ns)
    assert not found.holds(found.end_ns)
    assert window(unit, zone, found.begin_ns) == found
    assert window(unit, zone, found.end_ns - 1) == found
    assert window(unit, zone, found.begin_ns - 1).end_ns == found.begin_ns
    assert window(unit, zone, found.end_ns).begin_ns == found.end_ns


def period(unit: Unit, moment: datetime) -> tuple[int, ...]:
    """What a clock and calendar call the minute, hour, day, week, month or year."""
    if unit == "week":
        return tuple(moment.isocalendar()[:2])
    fields = (moment.year, moment.month, moment.day, moment.hour, moment.minute)
    return fields[: ("year", "month", "day", "hour", "minute").index(unit) + 1]


@given(moments(), st.sampled_from(UNITS), st.data())
def test_a_window_is_one_period_of_the_local_calendar(moment: tuple[str, int], unit: Unit, data: st.DataObject) -> None:
    """Any instant in a window has the local date, hour or minute that its begin has, or a clock was put back.

    Then days and more belong to what was reached already.
    """
    zone, now = moment
    found = window(unit, ZoneInfo(zone), now * SECOND_NS)
    begin, end = found.begin_ns // SECOND_NS, found.end_ns // SECOND_NS
    inside = data.draw(st.integers(begin, end - 1))
    here, there = period(unit, local(zone, begin)), period(unit, local(zone, inside))
    if here != there:
        assert unit not in {"minute", "hour"}
        assert there < here
        assert offset(zone, inside) < offset(zone, begin)
    before = period(unit, local(zone, begin - 1))
    if unit in {"minute", "hour"}:
        assert before != here or offset(zone, begin - 1) > offset(zone, begin)
    else:
        assert before < here
    if unit not in {"minute", "hour"}:
        earlier = data.draw(st.integers(begin - 400 * DAY, begin - 1))
        assert period(unit, local(zone, earlier)) < here
