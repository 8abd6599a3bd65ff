"""Windows of the calendar: the minute, hour, day, week, month or year of a zone that holds an instant.

Rule 1: windows of one unit follow each other without a gap, and none is empty.
Rule 2: a day begins with its first instant, also where its midnight doesn't exist or happens twice. A clock that is
put back over midnight doesn't bring the day before back: it ended when it ended first. Weeks (from Monday), months and
years begin with their first day.
Rule 3: minutes and hours begin where the clock's do and where it is put back: one that happens twice is two windows.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import NamedTuple

from exeat.model.limit import SECOND_NS, Unit

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY = 86_400  # seconds on a clock; how many pass in it, the zone says
_SECONDS = {"minute": 60, "hour": 3_600}


class Window(NamedTuple):
    """A span of time, from its begin up to its end (ns since the epoch)."""

    begin_ns: int
    end_ns: int

    def holds(self, now_ns: int) -> bool:
        """Whether a time lies in it."""
        return self.begin_ns <= now_ns < self.end_ns


def window(unit: Unit, zone: tzinfo, now_ns: int) -> Window:
    """The window of a zone's calendar that holds a time (ns since the epoch); the zone's offsets are whole seconds."""
    now = now_ns // SECOND_NS
    length = _SECONDS.get(unit)
    begin, end = _of_clock(length, zone, now) if length else _of_days(unit, zone, now)
    return Window(begin * SECOND_NS, end * SECOND_NS)


def _of_clock(length: int, zone: tzinfo, now: int) -> tuple[int, int]:
    """The minute or hour (seconds since the epoch); the zone changes its offset at most once in either direction."""
    offset = _offset(zone, now)
    number = (now + offset) // length
    begin = number * length - offset
    end = begin + length
    earlier = _offset(zone, begin)
    if earlier != offset:
        change = _change(zone, begin, now)
        before = number * length - earlier
        begin = before if earlier < offset and before < change else change
    later = _offset(zone, end - 1)
    if later != offset:
        change = _change(zone, now, end - 1)
        after = (number + 1) * length - later
        end = after if later > offset and after > change else change
    return begin, end


def _change(zone: tzinfo, before: int, after: int) -> int:
    """The first second after `before` at which the zone has the offset that it has at `after`."""
    offset = _offset(zone, after)
    while after - before > 1:
        middle = (before + after) // 2
        if _offset(zone, middle) == offset:
            after = middle
        else:
            before = middle
    return after


def _of_days(unit: Unit, zone: tzinfo, now: int) -> tuple[int, int]:
    day = _EPOCH_DAY + (now + _offset(zone, now)) // _DAY
    while _begin(zone, day + 1) <= now:  # the clock was put back over midnight
        day += 1
    first, following = _days(unit, date.fromordinal(day))
    return _begin(zone, first), _begin(zone, following)


def _days(unit: Unit, day: date) -> tuple[int, int]:
    """The first day (as an ordinal) of what a day lies in, and of what follows it."""
    ordinal = day.toordinal()
    if unit == "day":
        return ordinal, ordinal + 1
    if unit == "week":
        monday = ordinal - day.weekday()
        return monday, monday + 7
    if unit == "month":
        following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
        return day.replace(day=1).toordinal(), following.toordinal()
    return date(day.year, 1, 1).toordinal(), date(day.year + 1, 1, 1).toordinal()


def _begin(zone: tzinfo, day: int) -> int:
    """The first second (since the epoch) at which a zone's clock shows a day (an ordinal) or a later one."""
    midnight = datetime.fromordinal(day).replace(tzinfo=zone)
    clock = (day - _EPOCH_DAY) * _DAY
    # Without a change at midnight both are the same. `fold` picks the first of two midnights; of one that doesn't
    # exist, it makes the times by the offset before the change and by the one after it, and the change lies between.
    found = clock - _seconds(midnight)
    early = clock - _seconds(midnight.replace(fold=1))
    while early < found:
        middle = (early + found) // 2
        if middle + _offset(zone, middle) >= clock:
            found = middle
        else:
            early = middle + 1
    return found


def _offset(zone: tzinfo, now: int) -> int:
    return _seconds((_EPOCH + timedelta(seconds=now)).astimezone(zone))


def _seconds(moment: datetime) -> int:
    offset = moment.utcoffset()
    return 0 if offset is None else offset.days * _DAY + offset.seconds
