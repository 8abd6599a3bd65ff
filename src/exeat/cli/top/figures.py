"""Two looks at the metrics, and what has happened between them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families as read_families

Labels = frozenset[tuple[str, str]]
REFUSED_HERE = ("4", "5")


class Reading(NamedTuple):
    """All samples at one moment (s of a clock that never goes back)."""

    at: float
    samples: Mapping[tuple[str, Labels], float]


class Row(NamedTuple):
    """One upstream or consumer: calls and failures a second, and what is worth a note."""

    name: str
    per_s: float
    failed_per_s: float
    p95_s: float | None = None
    note: str = ""


class Failure(NamedTuple):
    """How often something failed: `what` is a code of Exeat's, or a status of the upstream's."""

    upstream: str
    what: str
    per_s: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What the screen shows; rates are of the time between the two looks."""

    per_s: float = 0.0
    failed_per_s: float = 0.0
    p50_s: float | None = None
    p95_s: float | None = None
    in_flight: int = 0
    workers: int = 0
    memory_bytes: float = 0.0
    lag_s: float = 0.0
    costs: Mapping[str, float] = field(default_factory=dict)
    upstreams: tuple[Row, ...] = ()
    consumers: tuple[Row, ...] = ()
    failures: tuple[Failure, ...] = ()
    troubles: tuple[str, ...] = ()


def read(text: str, at: float) -> Reading:
    """What `/metrics` says."""
    samples = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in read_families(text)
        for sample in family.samples
    }
    return Reading(at, samples)


def compare(before: Reading, now: Reading) -> Figures:
    """What has happened between two looks."""
    change = Change(before, now)
    upstreams = change.by("exeat_exchanges_total", "upstream")
    failures = tuple(_failures(change))
    return Figures(
        per_s=sum(upstreams.values()),
        failed_per_s=sum(failure.per_s for failure in failures),
        p50_s=change.quantile(0.5, "exeat_exchange_duration_seconds"),
        p95_s=change.quantile(0.95, "exeat_exchange_duration_seconds"),
        in_flight=int(sum(change.gauges("exeat_exchanges_in_flight").values())),
        workers=int(sum(change.gauges("exeat_workers").values())),
        memory_bytes=sum(change.gauges("exeat_worker_memory_bytes").values()),
        lag_s=max(change.gauges("exeat_loop_lag_seconds").values(), default=0.0),
        costs={currency: rate * 3600 for currency, rate in change.by("exeat_cost_total", "currency").items() if rate},
        upstreams=tuple(_upstreams(change, upstreams, failures)),
        consumers=tuple(_consumers(change)),
        failures=failures,
        troubles=tuple(_troubles(change)),
    )


class Change:
    """The difference of two readings; counters that began anew count from 0."""

    def __init__(self, before: Reading, now: Reading) -> None:
        self._before = before
        self._now = now
        self._took_s = max(now.at - before.at, 0.001)

    def gauges(self, name: str) -> dict[Labels, float]:
        """A gauge as it is now, by labels."""
        return {labels: value for (known, labels), value in self._now.samples.items() if known == name}

    def rates(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        """How much a counter grows in a second, by labels."""
        for (known, labels), value in self._now.samples.items():
            if known == name:
                before = self._before.samples.get((known, labels), 0.0)
                yield dict(labels), (value - before if value >= before else value) / self._took_s

    def by(self, name: str, label: str) -> dict[str, float]:
        """How much a counter grows in a second, by one of its labels."""
        found: dict[str, float] = {}
        for labels, rate in self.rates(name):
            found[labels[label]] = found.get(labels[label], 0.0) + rate
        return found

    def quantile(self, share: float, name: str, **wanted: str) -> float | None:
        """A quantile (s) of a histogram's growth, as near as its buckets say; None where nothing was added."""
        buckets: dict[float, float] = {}
        for labels, rate in self.rates(f"{name}_bucket"):
            if all(labels.get(label) == value for label, value in wanted.items()):
                bound = float(labels["le"])
                buckets[bound] = buckets.get(bound, 0.0) + rate
        return _quantile(share, sorted(buckets.items()))


def _quantile(share: float, buckets: list[tuple[float, float]]) -> float | None:
    """Within a bucket, as if all were spread evenly."""
    total = buckets[-1][1] if buckets else 0.0
    if total <= 0:
        return None
    wanted, low, below = share * total, 0.0, 0.0
    for bound, count in buckets:
        if count >= wanted:
            if bound == float("inf"):
                return low
            return low + (bound - low) * (wanted - below) / max(count - below, 1e-12)
        low, below = bound, count
    return low


def _failures(change: Change) -> Iterator[Failure]:
    found = [
        Failure(labels["upstream"], labels["code"] or labels["status"], rate)
        for labels, rate in change.rates("exeat_exchanges_total")
        if rate > 0 and (labels["code"] or labels["status"].startswith(REFUSED_HERE))
    ]
    yield from sorted(found, key=lambda failure: -failure.per_s)


def _upstreams(change: Change, rates: Mapping[str, float], failures: Iterable[Failure]) -> Iterator[Row]:
    failed: dict[str, float] = {}
    for failure in failures:
        failed[failure.upstream] = failed.get(failure.upstream, 0.0) + failure.per_s
    notes = dict(_notes(change))
    for name, rate in sorted(rates.items(), key=lambda item: (-item[1], item[0])):
        slow = change.quantile(0.95, "exeat_upstream_response_seconds", upstream=name)
        yield Row(name, rate, failed.get(name, 0.0), slow, notes.get(name, ""))


def _notes(change: Change) -> Iterator[tuple[str, str]]:
    """What is worth knowing of an upstream; the last one of each counts."""
    for labels, left in change.gauges("exeat_limit_left_ratio").items():
        found = dict(labels)
        if found["scope"] == "upstream":
            yield found["owner"], f"{left:.0%} of {found['limit']} left"
    for labels in change.gauges("exeat_endpoint_resting"):
        yield dict(labels)["upstream"], "an endpoint rests"
    for labels, seconds in change.gauges("exeat_upstream_cooling_seconds").items():
        yield dict(labels)["upstream"], f"asks for a pause of {seconds:.0f} s"


def _consumers(change: Change) -> Iterator[Row]:
    found: dict[str, tuple[float, float]] = {}
    for labels, rate in change.rates("exeat_consumer_exchanges_total"):
        whole, failed = found.get(labels["consumer"], (0.0, 0.0))
        more = 0.0 if labels["outcome"] == "completed" else rate
        found[labels["consumer"]] = whole + rate, failed + more
    for name, (whole, failed) in sorted(found.items(), key=lambda item: (-item[1][0], item[0])):
        yield Row(name, whole, failed)


def _troubles(change: Change) -> Iterator[str]:
    """What somebody should look after."""
    for name, sentence in (
        ("exeat_records_kept", "records can't be kept: new calls are refused"),
        ("exeat_database_up", "records wait in the journal for the database"),
        ("exeat_shared_counters_up", "the shared counters can't be reached"),
        ("exeat_workers", "no worker takes new calls"),
    ):
        if 0.0 in change.gauges(name).values():
            yield sentence
    for labels in change.gauges("exeat_endpoint_resting"):
        found = dict(labels)
        yield f"{found['upstream']}: {found['endpoint']} rests ({found['reason']})"
