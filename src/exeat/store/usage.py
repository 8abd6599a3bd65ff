"""What was used: the roll-ups of a range, summed up by whatever they count by, with percentiles and cost."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, ColumnElement, Connection, Engine, Select, cast, func, select
from sqlalchemy.engine import CursorResult

from exeat.store.database import reading
from exeat.store.failure import StoreError
from exeat.store.histogram import Merger, percentile, subtract_counts
from exeat.store.rollup import HOUR_US, LABELS, Costs, Facet, Granularity, add_costs, add_rendered_costs, choose_facet
from exeat.store.spans import Span, choose_step, cover, step_through
from exeat.store.tables import rollups, series

Group = tuple[str | int, ...]
Conditions = list[ColumnElement[bool]]
_NEVER = 2**63
FETCH = 2000
_COUNTED = ("requests", "errors", "bytes_in", "bytes_out", "attempts")


class Usage(NamedTuple):
    """What one group used; durations in microseconds, None where nothing was measured.

    `labels` are the values of what was asked `by`, in that order. `start` is where its step of the range begins (µs),
    None if the range was taken as a whole. `errors` counts what has an error code or a status of 400 and above.
    """

    labels: Group
    start: int | None
    requests: int
    errors: int
    bytes_in: int
    bytes_out: int
    attempts: int
    costs: Mapping[str, Decimal]
    p50: float | None
    p95: float | None
    p99: float | None


def usage(
    engine: Engine,
    *,
    since: int,
    until: int,
    by: Sequence[str] = (),
    where: Mapping[str, str | int] | None = None,
    steps: bool = False,
    step: Granularity | None = None,
) -> list[Usage]:
    """Usage from `since` up to `until` (µs; whole minutes around them), most requests first.

    `by` and `where` take the names of LABELS. With `steps` the range comes in minutes, hours or days, whichever suits
    its length, or in `step`; then in the order of time.
    """
    reader = _Reader(by, where or {}, with_steps=steps or step is not None)
    with reading(engine) as connection:
        if reader.with_steps:
            spans = [step_through(since, until, choose_step(since, until) if step is None else step)]
        else:
            spans = cover(since, until, _minutes_since(connection))
        for span in spans:
            reader.add(connection, span)
    found = [total.finish(group, with_steps=reader.with_steps) for group, total in reader.totals.items()]
    return sorted((entry for entry in found if entry.requests), key=_order)


def _order(entry: Usage) -> tuple[int, int, tuple[str, ...]]:
    return entry.start or 0, -entry.requests, tuple(map(str, entry.labels))


def _label(name: str) -> ColumnElement[Any]:
    if name not in LABELS:
        raise StoreError(f"Usage isn't counted by '{name}'; it is by: {', '.join(LABELS)}.")
    return series.c[name]


def _minutes_since(connection: Connection) -> int:
    """From when on minutes are kept: all of an hour's are, or none."""
    of_minutes = (rollups.c.granularity == Granularity.MINUTE, rollups.c.facet == Facet.FULL)
    oldest: int | None = connection.execute(select(func.min(rollups.c.start)).where(*of_minutes)).scalar_one()
    return _NEVER if oldest is None else oldest - oldest % HOUR_US


class _Total:
    """The sums of one group: of what is added and what is taken away again, by the sign of its span."""

    __slots__ = ("costs", "counted", "durations")

    def __init__(self) -> None:
        self.counted = [0] * len(_COUNTED)
        self.costs: dict[int, Costs] = {1: {}, -1: {}}
        self.durations = {1: Merger(), -1: Merger()}

    def finish(self, group: Group, *, with_steps: bool) -> Usage:
        counts = subtract_counts(self.durations[1].counts(), self.durations[-1].counts())
        shares = [percentile(counts, share) for share in (0.5, 0.95, 0.99)]
        taken = {currency: -amount for currency, amount in self.costs[-1].items()}
        costs = {currency: amount for currency, amount in add_costs(self.costs[1], taken).items() if amount}
        start, labels = (int(group[0]), group[1:]) if with_steps else (None, group)
        requests, errors, bytes_in, bytes_out, attempts = self.counted
        return Usage(labels, start, requests, errors, bytes_in, bytes_out, attempts, costs, *shares)


class _Reader:
    """Sums up spans by group. A group with steps has the start of its step before its labels."""

    def __init__(self, by: Sequence[str], where: Mapping[str, str | int], *, with_steps: bool) -> None:
        self.with_steps = with_steps
        self.totals: dict[Group, _Total] = {}
        self._labels = [_label(name) for name in by]
        self._facet = choose_facet({*by, *where})
        self._filters = [_label(name) == value for name, value in where.items()]
        self._filters.append(series.c.facet == self._facet)

    def add(self, connection: Connection, span: Span) -> None:
        """Add a span: the database sums up numbers; durations and money come as they are, no SQL adds those."""
        of_span = [
            rollups.c.granularity == span.granularity,
            rollups.c.facet == self._facet,
            rollups.c.start >= span.begin,
            rollups.c.start < span.end,
        ]
        keys = [rollups.c.start, *self._labels] if self.with_steps else self._labels
        width = len(keys)
        for row in connection.execute(_sums(keys, [*of_span, *self._filters])):
            total = self.totals.setdefault(tuple(row[:width]), _Total())
            total.counted = [one + span.sign * other for one, other in zip(total.counted, row[width:], strict=True)]
        self._add_measured(connection, of_span, span.sign)

    def _add_measured(self, connection: Connection, of_span: Conditions, sign: int) -> None:
        groups = self._groups(connection)
        columns = (rollups.c.start, rollups.c.series, rollups.c.histogram, rollups.c.cost)
        result = connection.execute(select(*columns).where(*of_span))
        for start, of_series, histogram, cost in _plain_rows(result):
            group = groups.get(of_series)
            if group is None:
                continue  # not of those that were asked for
            total = self.totals[(start, *group) if self.with_steps else group]
            total.durations[sign].add(histogram)
            if cost is not None:
                add_rendered_costs(total.costs[sign], cost)

    def _groups(self, connection: Connection) -> dict[int, Group]:
        """The labels that were asked for, by the id of a series."""
        found = select(series.c.id, *self._labels).where(*self._filters)
        return {row[0]: tuple(row[1:]) for row in connection.execute(found)}


def _plain_rows(result: CursorResult[Any]) -> Iterator[Any]:
    """The driver's own rows: a view reads tens of thousands, and SQLAlchemy's take three times as long."""
    while rows := result.cursor.fetchmany(FETCH):
        yield from rows
    result.close()


def _sums(keys: list[ColumnElement[Any]], conditions: Conditions) -> Select[Any]:
    sums = [cast(func.sum(rollups.c[name]), BigInteger) for name in _COUNTED]
    joined = rollups.join(series, series.c.id == rollups.c.series)
    summed = select(*keys, *sums).select_from(joined).where(*conditions)
    return summed.group_by(*keys) if keys else summed.having(func.count() > 0)
