"""What one worker counts: taken once, and by what the exchange was."""

from exeat.errors import Code
from exeat.model.decision import report
from exeat.proxy.exchange import Attempt, Exchange
from exeat.proxy.nobody import Nobody
from exeat.proxy.tally import Tally
from exeat.telemetry import metrics
from exeat.telemetry.metrics import Metric
from tests.support.values import snapshot, upstream

ENDPOINT = upstream().endpoints[0]


def ended(status: int = 200, error: Code | None = None, attempts: int = 1) -> Exchange:
    """An exchange that began at 100 s, was answered at 100.2 s."""
    exchange = Exchange(None, snapshot(upstream()), Nobody())
    exchange.started, exchange.head_at = 100.0, 100.2
    exchange.status, exchange.error = status, error
    exchange.bytes_in, exchange.bytes_out = 10, 20
    for number in range(attempts):
        one = Attempt(ENDPOINT, 100.1)
        one.address, one.status, one.head_at = "192.0.2.1", status, 100.2
        one.is_reused = bool(number)
        exchange.attempts.append(one)
    return exchange


def counted(tally: Tally) -> dict[tuple[str, tuple[str, ...]], float | list[float]]:
    """What it has counted since the last time."""
    return {(sample.metric, sample.labels): sample.value for sample in tally.take()}


def count_of(found: list[float] | float) -> float:
    """How many are in a histogram."""
    assert isinstance(found, list)
    return sum(found[:-1])


def test_nothing_is_counted_twice() -> None:
    """What was taken is gone."""
    tally = Tally()
    tally.note(ended(), 100.5)
    assert counted(tally)[metrics.EXCHANGES.name, ("-", "200", "")] == 1
    assert counted(tally) == {}
    tally.note(ended(), 100.5)
    assert counted(tally)[metrics.EXCHANGES.name, ("-", "200", "")] == 1


def test_by_status_and_code() -> None:
    """A failure of the gateway's own has its code."""
    tally = Tally()
    for _ in range(3):
        tally.note(ended(429, Code.RATE_LIMITED, attempts=0), 100.5)
    tally.note(ended(404), 100.5)
    found = counted(tally)
    assert found[metrics.EXCHANGES.name, ("-", "429", "rate-limited")] == 3
    assert found[metrics.EXCHANGES.name, ("-", "404", "")] == 1


def test_phases() -> None:
    """The gateway's own part, the attempts', and the relay's."""
    tally = Tally()
    tally.note(ended(), 101.2)
    found = counted(tally)
    for phase, seconds in (("gateway", 0.1), ("attempts", 0.1), ("relay", 1.0)):
        value = found[metrics.PHASES.name, (phase,)]
        assert isinstance(value, list)
        assert count_of(value) == 1
        assert abs(value[-1] - seconds) < 1e-9
        place = next(place for place, bound in enumerate(metrics.PHASES.buckets) if seconds <= bound + 1e-9)
        assert 1 in value[place : place + 2]


def test_longer_than_every_bucket() -> None:
    """It is in the last one, that has no bound."""
    tally = Tally()
    tally.note(ended(), 100.0 + metrics.DURATION.buckets[-1] + 1)
    value = counted(tally)[metrics.DURATION.name, ("-",)]
    assert isinstance(value, list)
    assert value[len(metrics.DURATION.buckets)] == 1


def test_every_attempt() -> None:
    """Each one is counted, with its connection and why another one followed."""
    tally, exchange = Tally(), ended(attempts=2)
    first = exchange.attempts[0]
    first.status, first.error, first.retry = None, Code.CONNECT_FAILED, "nothing-sent"
    first.head_at = first.address = None
    tally.note(exchange, 100.5)
    found = counted(tally)
    assert found[metrics.ATTEMPTS.name, ("-", "connect-failed")] == 1
    assert found[metrics.ATTEMPTS.name, ("-", "200")] == 1
    assert found[metrics.RETRIES.name, ("-", "nothing-sent")] == 1
    assert found[metrics.CONNECTS.name, ("-", "reused")] == 1
    assert found[metrics.CONNECTS.name, ("-", "new")] == 0
    assert count_of(found[metrics.RESPONSE.name, ("-",)]) == 1


def test_cost_and_report() -> None:
    """Money is in whole units of its currency; what only a report mode let pass is counted."""
    tally, exchange = Tally(), ended()
    exchange.cost = (2_500_000_000, "EUR")
    exchange.decision = report(Code.PATH_NOT_GRANTED, "Not granted.")
    tally.note(exchange, 100.5)
    found = counted(tally)
    assert found[metrics.COST.name, ("-", "EUR")] == 2.5
    assert found[metrics.REPORTED.name, ("-",)] == 1


def test_as_many_values_as_buckets() -> None:
    """Every histogram that is counted here has the buckets that are declared."""
    tally = Tally()
    tally.note(ended(), 100.5)
    declared: dict[str, Metric] = {metric.name: metric for metric in metrics.METRICS}
    for sample in [*tally.take()]:
        if isinstance(sample.value, list):
            assert len(sample.value) == len(declared[sample.metric].buckets) + 2
