"""Which roll-ups cover a range of time: days in its middle, hours and minutes at its edges (pure)."""

from typing import NamedTuple

from exeat.store.rollup import DAY_US, HOUR_US, LENGTHS, MINUTE_US, Granularity

# A chart shows some hundred steps at most: beyond these lengths the next coarser ones are taken.
MINUTES_UP_TO_US = 3 * HOUR_US
HOURS_UP_TO_US = 8 * DAY_US


class Span(NamedTuple):
    """Roll-ups of one granularity, from `begin` up to `end` (µs)."""

    granularity: Granularity
    begin: int
    end: int


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

    Minutes from before `minutes_since` aren't kept: an edge that lies there is moved outwards to the whole hour.
    """
    begin = _down(since, MINUTE_US if since >= minutes_since else HOUR_US)
    end = _up(until, MINUTE_US if until >= minutes_since else HOUR_US)
    return _cover(begin, end, Granularity.DAY) if begin < end else []


def _cover(begin: int, end: int, granularity: Granularity) -> list[Span]:
    length = LENGTHS[granularity]
    if granularity is Granularity.MINUTE:
        return [Span(granularity, begin, end)]
    finer = Granularity(granularity - 1)
    inner_begin, inner_end = _up(begin, length), _down(end, length)
    if inner_begin >= inner_end:
        return _cover(begin, end, finer)
    before = _cover(begin, inner_begin, finer) if begin < inner_begin else []
    after = _cover(inner_end, end, finer) if inner_end < end else []
    return [*before, Span(granularity, inner_begin, inner_end), *after]


def _down(time: int, length: int) -> int:
    return time - time % length


def _up(time: int, length: int) -> int:
    return time + -time % length
