"""Compares roll-ups with the records that they sum up: for `exeat doctor`."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection, Engine, Select, func, select

from exeat.store.database import reading
from exeat.store.histogram import parse_histogram
from exeat.store.rollup import (
    DAY_US,
    HOUR_US,
    LABELS,
    Facet,
    Granularity,
    Labels,
    RollupKey,
    Rollups,
    Sums,
    Values,
    coarsen,
    fold,
    parse_costs,
)
from exeat.store.rows import Row, render_time
from exeat.store.tables import chains, records, rollups, series
from exeat.store.trail import ROW_COLUMNS, stream


class Difference(NamedTuple):
    """The first roll-up that says something else than the records; None where there is none at all."""

    key: RollupKey
    rolled_up: Values | None
    recorded: Values | None

    def __str__(self) -> str:
        labels = zip(LABELS, self.key.labels[1:], strict=True)
        said = ", ".join(f"{name} {value}" for name, value in labels if value)
        length = Granularity(self.key.granularity).name.lower()
        return (
            f"The roll-up of the {length} {render_time(self.key.start)} ({said}) counts"
            f" {_requests(self.rolled_up)}, its records say {_requests(self.recorded)}."
        )


def _requests(values: Values | None) -> str:
    if values is None:
        return "nothing"
    return f"{values.requests} requests, {values.bytes_in}/{values.bytes_out} bytes, {values.attempts} attempts"


def check_rollups(engine: Engine, since: int, until: int) -> Difference | None:
    """Compare whole days (UTC) from the one of `since` up to the one in which `until` lies (µs); the first difference.

    What was pruned of the records isn't looked at, nor minutes that aren't kept any more. The memory it takes is that
    of the roll-ups of one day.
    """
    with reading(engine) as connection:
        pruned = connection.execute(select(func.max(chains.c.pruned_before))).scalar_one() or 0
        minutes = connection.execute(_first_rollup(Granularity.MINUTE, 0)).scalar_one()
        day = max(since, pruned)
        while (found := _next_time(connection, day - day % DAY_US)) is not None and found < until:
            day = found - found % DAY_US
            difference = _check_day(connection, day, minutes_since=minutes)
            if difference is not None:
                return difference
            day += DAY_US
    return None


def _next_time(connection: Connection, since: int) -> int | None:
    """When the next record or roll-up is."""
    first_record = select(func.min(records.c.time)).where(records.c.time >= since)
    first = [first_record, *[_first_rollup(granularity, since) for granularity in Granularity]]
    found = [connection.execute(statement).scalar_one() for statement in first]
    return min((time for time in found if time is not None), default=None)


def _first_rollup(granularity: Granularity, since: int) -> Select[tuple[Any]]:
    of_granularity = (rollups.c.granularity == granularity, rollups.c.facet.in_(list(Facet)))
    return select(func.min(rollups.c.start)).where(*of_granularity, rollups.c.start >= since)


def _check_day(connection: Connection, day: int, *, minutes_since: int | None) -> Difference | None:
    hours: Rollups = {}
    for hour in range(day, day + DAY_US, HOUR_US):
        folded = fold(_rows(connection, hour))
        if minutes_since is not None and hour >= minutes_since - minutes_since % HOUR_US:
            difference = _compare(_of(folded, Granularity.MINUTE), _read(connection, Granularity.MINUTE, hour, HOUR_US))
            if difference is not None:
                return difference
        hours |= _of(folded, Granularity.HOUR)
    return _compare(hours, _read(connection, Granularity.HOUR, day, DAY_US)) or _compare(
        coarsen(hours, Granularity.DAY), _read(connection, Granularity.DAY, day, DAY_US)
    )


def _rows(connection: Connection, hour: int) -> Iterator[Row]:
    found = select(*ROW_COLUMNS).where(records.c.time >= hour, records.c.time < hour + HOUR_US)
    with stream(connection, found) as result:
        for row in result:
            yield Row._make(row)


def _of(folded: Rollups, granularity: Granularity) -> Rollups:
    return {key: sums for key, sums in folded.items() if key.granularity == granularity}


def _read(connection: Connection, granularity: Granularity, begin: int, length: int) -> dict[RollupKey, Values]:
    columns = [
        *[series.c[name] for name in Labels._fields],
        rollups.c.start,
        *[rollups.c[name] for name in Values._fields],
    ]
    found = (
        select(*columns)
        .select_from(rollups.join(series, series.c.id == rollups.c.series))
        .where(rollups.c.granularity == granularity, rollups.c.facet.in_(list(Facet)))
        .where(rollups.c.start >= begin, rollups.c.start < begin + length)
    )
    width = len(Labels._fields)
    return {
        RollupKey(granularity, row[width], Labels._make(row[:width])): Values._make(row[width + 1 :])
        for row in connection.execute(found)
    }


def _compare(recorded: Rollups, rolled_up: dict[RollupKey, Values]) -> Difference | None:
    for key in sorted(recorded.keys() | rolled_up.keys()):
        sums, values = recorded.get(key), rolled_up.get(key)
        if sums is None or values is None or not _agree(sums, values):
            return Difference(key, values, None if sums is None else sums.values())
    return None


def _agree(sums: Sums, values: Values) -> bool:
    counted = (sums.requests, sums.errors, sums.bytes_in, sums.bytes_out, sums.attempts)
    costs = parse_costs(values.cost) if values.cost else {}
    return counted == values[:5] and (sums.costs or {}) == costs and sums.counts == parse_histogram(values.histogram)
