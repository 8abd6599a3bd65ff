"""Which roll-ups cover a range of time: days in its middle, hours and minutes at its edges (pure)."""

from collections.abc import Iterator
from typing import NamedTuple

from exeat.store.rollup import DAY_US, HOUR_US, LENGTHS, MINUTE_US, Granularity

# A chart shows some hundred steps at most: beyond these lengths the next coarser ones are taken.
MINUTES_UP_TO_US = 3 * HOUR_US
HOURS_UP_TO_US = 8 * DAY_US


class Span(NamedTuple):
    """Roll-ups of one granularity, from `begin` up to `end` (µs), which are added, or taken away again."""

    granularity: Granularity
    begin: int
    end: int
    sign: int = 1

    @property
    def steps(self) -> int:
        """How many steps of its granularity it is long."""
        return (self.end - self.begin) // LENGTHS[self.granularity]


def choose_step(since: int, until: int) -> Granularity:
    """The steps that suit the length of a range."""
    if until - since <= MINUTES_UP_TO_US:
        return Granularity.MINUTE
    return Granularity.HOUR if until - since <= HOURS_UP_TO_US else Granularity.DAY


def step_through(since: int, until: int, step: Granularity) -> Span:
    """The range in steps of one length; both ends are moved outwards to where a step begins."""
    length = LENGTHS[step]
    return Span(step, _down(since, length), _up(until, length))


def cover(since: int, until: int, minutes_since: int = 0) -> list[Span]:
    """The fewest roll-ups for a range, both ends moved outwards to whole minutes.

    What lies nearer to the end of an hour or a day than to its beginning is that whole, less what lies outside the
    range: an edge takes 30 minutes and 12 hours at most. Minutes from before `minutes_since` aren't kept: an edge that
    lies there is moved outwards to the whole hour.
    """
    if since > until:
        return []
    begin = _down(since, MINUTE_US if since >= minutes_since else HOUR_US)
    end = _up(until, MINUTE_US if until >= minutes_since else HOUR_US)
    return _cover(begin, end, Granularity.DAY, minutes_since) if begin < end else []


def _cover(begin: int, end: int, granularity: Granularity, minutes_since: int) -> list[Span]:
    if granularity is Granularity.MINUTE:
        return [Span(granularity, begin, end)]
    finer = Granularity(granularity - 1)
    ways = [_cover(begin, end, finer, minutes_since)]
    for inner_begin, inner_end in _inner(begin, end, LENGTHS[granularity]):
        before = _signed(begin, inner_begin, finer, minutes_since)
        after = _signed(inner_end, end, finer, minutes_since)
        ways.append([*before, Span(granularity, inner_begin, inner_end), *after])
    return min((way for way in ways if _is_kept(way, minutes_since)), key=_steps)


def _inner(begin: int, end: int, length: int) -> Iterator[tuple[int, int]]:
    """The ranges between whole steps beside both ends."""
    for inner_begin in {_up(begin, length), _down(begin, length)}:
        for inner_end in {_down(end, length), _up(end, length)}:
            if inner_begin < inner_end:
                yield inner_begin, inner_end


def _signed(begin: int, end: int, granularity: Granularity, minutes_since: int) -> list[Span]:
    """The cover from one time to another, taken away if the other is the earlier one."""
    if begin == end:
        return []
    if begin < end:
        return _cover(begin, end, granularity, minutes_since)
    return [span._replace(sign=-span.sign) for span in _cover(end, begin, granularity, minutes_since)]


def _is_kept(spans: list[Span], minutes_since: int) -> bool:
    return all(span.granularity is not Granularity.MINUTE or span.begin >= minutes_since for span in spans)


def _steps(spans: list[Span]) -> int:
    return sum(span.steps for span in spans)


def _down(time: int, length: int) -> int:
    return time - time % length


def _up(time: int, length: int) -> int:
    return time + -time % length
