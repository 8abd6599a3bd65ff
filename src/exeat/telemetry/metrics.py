"""Every metric of the gateway, declared once: its name, what it means, its labels, and how samples of it add up.

Rule 1: labels are bounded: names from the configuration, codes, statuses; never anything that a caller can choose.
Rule 2: what workers count travels as what has been added since the last time, so that a worker may die at any moment.
"""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

Kind = Literal["counter", "gauge", "histogram"]
Values = tuple[str, ...]

# Seconds, from what the gateway itself takes to what model APIs take.
DURATION_BUCKETS = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
)  # fmt: skip


class Metric(NamedTuple):
    """One metric; the name of a counter has no `_total`, which the exposition adds."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


class Sample(NamedTuple):
    """What has been added to a metric, or what a gauge says now: of a histogram, each bucket's count, then the sum."""

    metric: str
    labels: Values
    value: float | list[float]


EXCHANGES = Metric(
    "exeat_exchanges",
    "counter",
    "Exchanges that have ended, by upstream (a destination counts as `-`), status and, where Exeat itself answered,"
    " the code of the failure.",
    ("upstream", "status", "code"),
)
CONSUMER_EXCHANGES = Metric(
    "exeat_consumer_exchanges",
    "counter",
    "Exchanges that have ended, by consumer and outcome: completed, refused, failed.",
    ("consumer", "outcome"),
)
DURATION = Metric(
    "exeat_exchange_duration_seconds",
    "histogram",
    "From the end of a request's head to the end of its answer.",
    ("upstream",),
    DURATION_BUCKETS,
)
PHASES = Metric(
    "exeat_phase_duration_seconds",
    "histogram",
    "How long a phase of an exchange took: `gateway` until its first attempt begins (standing in line is in it),"
    " `attempts` until the head of the answer is there, `relay` until its end.",
    ("phase",),
    DURATION_BUCKETS,
)
RESPONSE = Metric(
    "exeat_upstream_response_seconds",
    "histogram",
    "From the beginning of an attempt to the head of the upstream's answer.",
    ("upstream",),
    DURATION_BUCKETS,
)
ATTEMPTS = Metric(
    "exeat_attempts",
    "counter",
    "Attempts at endpoints, by upstream and result: a status, or the code of a failure.",
    ("upstream", "result"),
)
RETRIES = Metric(
    "exeat_retries",
    "counter",
    "What became of attempts that failed: why another one followed, or why none did.",
    ("upstream", "reason"),
)
BYTES = Metric(
    "exeat_body_bytes",
    "counter",
    "Content of bodies: `in` from callers, `out` to them.",
    ("upstream", "direction"),
)
COST = Metric("exeat_cost", "counter", "What exchanges have cost.", ("upstream", "currency"))
PRICE_UNREAD = Metric(
    "exeat_price_unread",
    "counter",
    "Prices that answers should have said and that couldn't be read, so that the call cost what was reserved, by"
    " reason: `missing`, `unusable` (no number, below zero, too large), `not-json`, `too-long`, `coding` (one that"
    " can't be undone), or `unfinished`, where the call failed before its answer was whole.",
    ("upstream", "reason"),
)
REPORTED = Metric(
    "exeat_reported",
    "counter",
    "Exchanges that passed only because a rule is in report mode, or a budget `soft`, by upstream.",
    ("upstream",),
)
DNS = Metric("exeat_dns_lookups", "counter", "Questions to name servers, by result: ok, failed.", ("result",))
CONNECTS = Metric(
    "exeat_upstream_connects",
    "counter",
    "Attempts by where their connection came from: `reused` or `new`.",
    ("upstream", "connection"),
)
IN_FLIGHT = Metric("exeat_exchanges_in_flight", "gauge", "Exchanges under way.", ("worker",))
DOWNSTREAM = Metric("exeat_downstream_connections", "gauge", "Connections of callers.", ("worker",))
UPSTREAM = Metric(
    "exeat_upstream_connections", "gauge", "Connections to upstreams, those that are being made too.", ("worker",)
)
MEMORY = Metric("exeat_worker_memory_bytes", "gauge", "What a worker takes of memory (resident).", ("worker",))
LOOP_LAG = Metric(
    "exeat_loop_lag_seconds",
    "gauge",
    "How late the clock of a worker was at worst since it said so last: what each call may have to wait.",
    ("worker",),
)
LIMIT_LEFT = Metric(
    "exeat_limit_left_ratio",
    "gauge",
    "What is left of a quota or budget that isn't split, 0 to 1, as the worker knows it that knows the least; where"
    " there is one worker and no Redis, of rates and concurrency too.",
    ("scope", "owner", "limit"),
)
COOLING = Metric(
    "exeat_upstream_cooling_seconds",
    "gauge",
    "For how long an upstream still asks for a pause; there is a sample only where one does.",
    ("upstream",),
)
RESTING = Metric(
    "exeat_endpoint_resting",
    "gauge",
    "1 for an endpoint that gets no calls, with why: its circuit, a check, or by hand.",
    ("upstream", "endpoint", "reason"),
)
EVENTS = Metric(
    "exeat_events", "counter", "Events that operators are told of in the log and by webhooks, by type.", ("type",)
)
RELOADS = Metric("exeat_reloads", "counter", "Changes of the configuration, by result: applied, refused.", ("result",))
WORKER_STARTS = Metric("exeat_worker_starts", "counter", "Worker processes that were started.")
WORKER_DEATHS = Metric("exeat_worker_deaths", "counter", "Worker processes that ended without being told to.")
WORKERS = Metric("exeat_workers", "gauge", "Workers that take new calls.")
LEDGER_UP = Metric(
    "exeat_shared_counters_up",
    "gauge",
    "1 while what workers count together can be reached (Redis, where there is one), 0 while it can't; missing where"
    " nothing is counted together.",
)
RECORDS_SAFE = Metric("exeat_records_kept", "gauge", "1 while every worker can keep records, else 0.")
JOURNAL = Metric(
    "exeat_journal_segments", "gauge", "Files of the journal that aren't in the database yet, by journal.", ("journal",)
)
DATABASE_UP = Metric("exeat_database_up", "gauge", "1 while records reach the database, else 0.")
INFO = Metric("exeat_build", "gauge", "Always 1; which version runs, and by which snapshot.", ("version", "snapshot"))
STARTED = Metric("exeat_start_time_seconds", "gauge", "When the gateway was started, seconds since 1970.")

METRICS: tuple[Metric, ...] = (
    EXCHANGES, CONSUMER_EXCHANGES, DURATION, PHASES, RESPONSE, ATTEMPTS, RETRIES, BYTES, COST, PRICE_UNREAD, REPORTED,
    DNS, CONNECTS, IN_FLIGHT, DOWNSTREAM, UPSTREAM, MEMORY, LOOP_LAG, LIMIT_LEFT, COOLING, RESTING, EVENTS, RELOADS,
    WORKER_STARTS, WORKER_DEATHS, WORKERS, LEDGER_UP, RECORDS_SAFE, JOURNAL, DATABASE_UP, INFO, STARTED,
)  # fmt: skip
BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}


class Totals:
    """What counters and histograms come to, by metric and labels."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, Values], float | list[float]] = {}

    def add(self, samples: Iterable[Sample]) -> None:
        """Add what has been added since the last time."""
        for metric, labels, value in samples:
            key = metric, tuple(labels)
            present = self.values.get(key)
            if present is None:
                self.values[key] = list(value) if isinstance(value, list) else value
            elif isinstance(present, list) and isinstance(value, list):
                for place, more in enumerate(value):
                    present[place] += more
            elif not isinstance(present, list) and not isinstance(value, list):
                self.values[key] = present + value

    def count(self, metric: Metric, *labels: str, by: float = 1) -> None:
        """Add to one counter."""
        self.add([Sample(metric.name, labels, by)])

    def samples(self) -> list[Sample]:
        """All of them."""
        return [Sample(metric, labels, value) for (metric, labels), value in self.values.items()]
