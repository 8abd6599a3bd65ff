"""What one worker counts of its exchanges for the metrics: added up here, taken every second by who shows them."""

from typing import Final, final

from exeat.policy.price import Unread
from exeat.proxy.exchange import Attempt, Exchange
from exeat.telemetry import metrics
from exeat.telemetry.metrics import DURATION_BUCKETS, Sample

BILLION: Final = 1_000_000_000
_BOUNDS: Final = list(DURATION_BUCKETS)
_BUCKETS: Final = len(DURATION_BUCKETS) + 1  # the last one is for all that takes longer
_STATUSES: Final = {status: str(status) for status in range(100, 600)}
NOBODY: Final = "-"  # a destination, and what never came so far as to have an upstream


@final
class Durations:
    """How long things took (s): counts by bucket, and their sum."""

    __slots__ = ("counts", "sum")

    def __init__(self) -> None:
        self.counts: list[int] = [0] * _BUCKETS
        self.sum = 0.0

    def note(self, seconds: float) -> None:
        """One more."""
        place = 0
        for bound in _BOUNDS:
            if seconds <= bound:
                break
            place += 1
        self.counts[place] += 1
        self.sum += seconds

    def sample(self, metric: metrics.Metric, label: str) -> Sample:
        """What was noted."""
        return Sample(metric.name, (label,), [*self.counts, self.sum])


@final
class Series:
    """What is counted of one upstream."""

    __slots__ = (
        "attempts", "bytes_in", "bytes_out", "costs", "durations", "ended", "new", "reported", "responses", "retries",
        "reused", "unread",
    )  # fmt: skip

    def __init__(self) -> None:
        self.ended: dict[tuple[int, str], int] = {}
        self.attempts: dict[str, int] = {}
        self.retries: dict[str, int] = {}
        self.costs: dict[str, int] = {}
        self.unread: dict[str, int] = {}
        self.durations = Durations()
        self.responses = Durations()
        self.bytes_in = 0
        self.bytes_out = 0
        self.reported = 0
        self.new = 0
        self.reused = 0


@final
class Tally:
    """The counts of one worker since they were taken last."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        self._series: dict[str, Series] = {}
        self._consumers: dict[tuple[str, str], int] = {}
        self._gateway = Durations()
        self._attempts = Durations()
        self._relay = Durations()
        self._any = False

    def note(self, exchange: Exchange, now: float) -> None:
        """One exchange has ended; `now` is the monotonic clock."""
        self._any = True
        name = exchange.upstream or NOBODY
        series = self._series.get(name)
        if series is None:
            series = self._series[name] = Series()
        error, attempts, started = exchange.error, exchange.attempts, exchange.started
        code = "" if error is None else str(error)
        ended = exchange.status, code
        series.ended[ended] = series.ended.get(ended, 0) + 1
        series.durations.note(now - started)
        series.bytes_in += exchange.bytes_in
        series.bytes_out += exchange.bytes_out
        if attempts:
            self._note_attempts(series, exchange, attempts, now)
        else:
            self._gateway.note(now - started)
        key = exchange.key
        if key is not None:
            outcome = "completed" if error is None else ("failed" if attempts else "refused")
            of_consumer = key.consumer.name, outcome
            self._consumers[of_consumer] = self._consumers.get(of_consumer, 0) + 1
        if exchange.cost is not None:
            amount, currency = exchange.cost
            series.costs[currency] = series.costs.get(currency, 0) + amount
        if exchange.bill is not None:
            for _, fault in exchange.bill.unread:
                reason = str(fault if error is None else Unread.UNFINISHED)
                series.unread[reason] = series.unread.get(reason, 0) + 1
        if exchange.decision is not None and exchange.decision.outcome == "report":
            series.reported += 1

    def _note_attempts(self, series: Series, exchange: Exchange, attempts: list[Attempt], now: float) -> None:
        self._gateway.note(attempts[0].began - exchange.started)
        for attempt in attempts:
            result = _result(attempt)
            series.attempts[result] = series.attempts.get(result, 0) + 1
            if attempt.head_at is not None:
                series.responses.note(attempt.head_at - attempt.began)
            if attempt.retry is not None:
                series.retries[attempt.retry] = series.retries.get(attempt.retry, 0) + 1
            if attempt.is_reused:
                series.reused += 1
            elif attempt.address is not None:
                series.new += 1
        head_at = exchange.head_at
        if head_at is not None:
            self._attempts.note(head_at - attempts[0].began)
            self._relay.note(now - head_at)

    def take(self) -> list[Sample]:
        """What was counted since the last time; counting begins anew."""
        if not self._any:
            return []
        samples = [
            self._gateway.sample(metrics.PHASES, "gateway"),
            self._attempts.sample(metrics.PHASES, "attempts"),
            self._relay.sample(metrics.PHASES, "relay"),
        ]
        for (consumer, outcome), count in self._consumers.items():
            samples.append(Sample(metrics.CONSUMER_EXCHANGES.name, (consumer, outcome), count))
        for name, series in self._series.items():
            samples += _samples_of(name, series)
        self._begin()
        return samples


def _result(attempt: Attempt) -> str:
    """How an attempt ended, as it is counted."""
    status = attempt.status
    if attempt.error is not None:
        return str(attempt.error)
    if status is None:
        return "unfinished"
    known = _STATUSES.get(status)
    return str(status) if known is None else known


def _samples_of(name: str, series: Series) -> list[Sample]:
    samples = [
        series.durations.sample(metrics.DURATION, name),
        series.responses.sample(metrics.RESPONSE, name),
        Sample(metrics.BYTES.name, (name, "in"), series.bytes_in),
        Sample(metrics.BYTES.name, (name, "out"), series.bytes_out),
        Sample(metrics.CONNECTS.name, (name, "new"), series.new),
        Sample(metrics.CONNECTS.name, (name, "reused"), series.reused),
        Sample(metrics.REPORTED.name, (name,), series.reported),
    ]
    for (status, code), count in series.ended.items():
        samples.append(Sample(metrics.EXCHANGES.name, (name, str(status), code), count))
    for result, count in series.attempts.items():
        samples.append(Sample(metrics.ATTEMPTS.name, (name, result), count))
    for reason, count in series.retries.items():
        samples.append(Sample(metrics.RETRIES.name, (name, reason), count))
    for currency, amount in series.costs.items():
        samples.append(Sample(metrics.COST.name, (name, currency), amount / BILLION))
    for reason, count in series.unread.items():
        samples.append(Sample(metrics.PRICE_UNREAD.name, (name, reason), count))
    return samples
