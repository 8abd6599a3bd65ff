"""Roll-ups: exchanges summed up by minute, hour and day, and by who called what and how it went (pure)."""

from collections.abc import Iterable
from decimal import Context, Decimal
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from exeat.store.histogram import Counts, bucket_of, merge_histograms, render_histogram
from exeat.store.rows import Row


class Granularity(IntEnum):
    """How long the time is that one roll-up sums up."""

    MINUTE = 0
    HOUR = 1
    DAY = 2


MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US
LENGTHS = {Granularity.MINUTE: MINUTE_US, Granularity.HOUR: HOUR_US, Granularity.DAY: DAY_US}


class Facet(IntEnum):
    """Which labels a series tells apart, beside the instance.

    A view of a week reads a hundred times fewer roll-ups where they leave out what it doesn't ask for.
    """

    FULL = 0
    ROUTE = 1
    UPSTREAM = 2
    OUTCOME = 3


class Labels(NamedTuple):
    """What a series counts by.

    A label is '' (0 for the class of the status) where a record has nothing to say, and where the facet leaves it out.
    """

    facet: int
    instance: str
    consumer: str
    key: str
    upstream: str
    status_class: int
    error: str
    answered: str


LABELS = Labels._fields[1:]
FACETS: dict[Facet, frozenset[str]] = {
    Facet.OUTCOME: frozenset({"instance", "status_class", "error", "answered"}),
    Facet.UPSTREAM: frozenset({"instance", "upstream"}),
    Facet.ROUTE: frozenset({"instance", "consumer", "upstream"}),
    Facet.FULL: frozenset(LABELS),
}


def choose_facet(names: Iterable[str]) -> Facet:
    """The facet with the fewest roll-ups among those that tell these labels apart."""
    wanted = set(names)
    return next(facet for facet, labels in FACETS.items() if wanted <= labels)


@lru_cache(maxsize=65536)
def facets_of(labels: Labels) -> tuple[Labels, ...]:
    """The labels of the other series that full ones count for, too."""
    instance = labels.instance
    return (
        Labels(Facet.ROUTE, instance, labels.consumer, "", labels.upstream, 0, "", ""),
        Labels(Facet.UPSTREAM, instance, "", "", labels.upstream, 0, "", ""),
        Labels(Facet.OUTCOME, instance, "", "", "", labels.status_class, labels.error, labels.answered),
    )


class RollupKey(NamedTuple):
    """The place of one roll-up."""

    granularity: int
    start: int  # µs
    labels: Labels


Costs = dict[str, Decimal]  # currency → amount
_EXACT = Context(prec=80)  # amounts have at most 24 digits before the point and 24 behind it: sums are never rounded


class Sums:
    """What is counted."""

    __slots__ = ("attempts", "bytes_in", "bytes_out", "costs", "counts", "errors", "requests")

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.bytes_in = 0
        self.bytes_out = 0
        self.attempts = 0
        self.costs: Costs | None = None
        self.counts: Counts = {}

    def add(self, other: "Sums") -> None:
        """Add other sums."""
        self.requests += other.requests
        self.errors += other.errors
        self.bytes_in += other.bytes_in
        self.bytes_out += other.bytes_out
        self.attempts += other.attempts
        if other.costs:
            self.costs = add_costs(self.costs or {}, other.costs)
        counts = self.counts
        for bucket, count in other.counts.items():
            counts[bucket] = counts.get(bucket, 0) + count

    def add_row(self, row: Row) -> None:
        """Add one exchange."""
        self.requests += 1
        self.errors += row.has_failed
        self.bytes_in += row.bytes_in or 0
        self.bytes_out += row.bytes_out or 0
        self.attempts += row.attempts
        if row.cost is not None:
            self.costs = add_costs(self.costs or {}, parse_costs(row.cost))
        if row.duration is not None:
            bucket = bucket_of(row.duration)
            self.counts[bucket] = self.counts.get(bucket, 0) + 1

    def values(self) -> "Values":
        """The columns of a roll-up."""
        cost = render_costs(self.costs) if self.costs else None
        histogram = render_histogram(self.counts)
        return Values(self.requests, self.errors, self.bytes_in, self.bytes_out, self.attempts, cost, histogram)


class Values(NamedTuple):
    """The columns of a roll-up, in their order."""

    requests: int
    errors: int  # with an error code, or a status of 400 and above
    bytes_in: int
    bytes_out: int
    attempts: int
    cost: str | None
    histogram: bytes


def merge_values(one: Values, other: Values) -> Values:
    """The roll-up of what two sum up."""
    return Values(
        one.requests + other.requests,
        one.errors + other.errors,
        one.bytes_in + other.bytes_in,
        one.bytes_out + other.bytes_out,
        one.attempts + other.attempts,
        _merge_costs(one.cost, other.cost),
        merge_histograms(one.histogram, other.histogram),
    )


def _merge_costs(one: str | None, other: str | None) -> str | None:
    if one is None or other is None:
        return one or other
    return render_costs(add_costs(parse_costs(one), parse_costs(other)))


def labels_of(row: Row) -> Labels:
    """The labels of the series that an exchange counts for."""
    return Labels(
        Facet.FULL,
        row.chain.partition("/")[0],
        row.consumer or "",
        row.key or "",
        row.upstream or "",
        (row.status or 0) // 100,
        row.error or "",
        row.answered or "",
    )


Rollups = dict[RollupKey, Sums]


def fold(rows: Iterable[Row]) -> Rollups:
    """The roll-ups of exchanges at every granularity; changes by administrators aren't traffic.

    Rows are summed up by minute, those by facet, minutes by hour, hours by day: an exchange is looked at once.
    """
    minutes: dict[tuple[int, Labels], Sums] = {}
    for row in rows:
        if row.kind == "change":
            continue
        place = row.time // MINUTE_US, labels_of(row)
        sums = minutes.get(place)
        if sums is None:
            sums = minutes[place] = Sums()
        sums.add_row(row)
    folded: Rollups = {}
    for (minute, labels), sums in minutes.items():
        start = minute * MINUTE_US
        folded[RollupKey(Granularity.MINUTE, start, labels)] = sums
        for wider in facets_of(labels):
            _add(folded, RollupKey(Granularity.MINUTE, start, wider), sums)
    hours = coarsen(folded, Granularity.HOUR)
    return folded | hours | coarsen(hours, Granularity.DAY)


def coarsen(finer: Rollups, granularity: Granularity) -> Rollups:
    """Roll-ups of a coarser granularity from finer ones."""
    length = LENGTHS[granularity]
    coarser: Rollups = {}
    for key, sums in finer.items():
        _add(coarser, RollupKey(granularity, key.start - key.start % length, key.labels), sums)
    return coarser


def _add(rollups: Rollups, key: RollupKey, sums: Sums) -> None:
    total = rollups.get(key)
    if total is None:
        total = rollups[key] = Sums()
    total.add(sums)


def add_costs(one: Costs, other: Costs) -> Costs:
    """The sum of amounts, per currency."""
    total = dict(one)
    for currency, amount in other.items():
        total[currency] = _EXACT.add(total.get(currency, Decimal()), amount)
    return total


def add_rendered_costs(costs: Costs, text: str) -> None:
    """Add amounts like `1.25 EUR,0.005 USD` to others."""
    for part in text.split(","):
        amount, _, currency = part.partition(" ")
        costs[currency] = _EXACT.add(costs.get(currency, _NOTHING), Decimal(amount))


_NOTHING = Decimal()


def parse_costs(text: str) -> Costs:
    """Amounts from `1.25 EUR,0.005 USD`."""
    costs: Costs = {}
    add_rendered_costs(costs, text)
    return costs


def render_costs(costs: Costs) -> str:
    """Amounts as `1.25 EUR,0.005 USD`."""
    return ",".join(f"{costs[currency]:f} {currency}" for currency in sorted(costs))
