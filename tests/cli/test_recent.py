"""What there was to do in the last seconds: rates, failures by name, and how long it took."""

import pytest

from exeat.cli.control.recent import LENGTH_S, Recent, quantile
from exeat.telemetry import metrics
from exeat.telemetry.metrics import DURATION_BUCKETS, Sample


def ended(count: int, status: str = "200", code: str = "") -> list[Sample]:
    """So many exchanges have ended, each after 2 ms."""
    buckets = [0, count, *[0] * (len(DURATION_BUCKETS) - 1)]
    return [
        Sample(metrics.EXCHANGES.name, ("api", status, code), count),
        Sample(metrics.DURATION.name, ("api",), [*buckets, 0.002 * count]),
        Sample(metrics.ATTEMPTS.name, ("api", "200"), count),
    ]


def test_rates_are_of_the_last_seconds() -> None:
    """What was said counts for ten seconds; in the first ten, as long as there is something to count."""
    recent = Recent()
    assert recent.rates(100.0).requests_per_s == 0
    recent.note(ended(6), 100.2)
    assert recent.rates(100.5).requests_per_s == pytest.approx(6 / 1.3, abs=0.001)
    for second in range(1, 30):
        recent.note(ended(4), 100.2 + second)
    assert recent.rates(129.3).requests_per_s == pytest.approx(4, rel=0.11)
    assert recent.rates(129.3 + 2 * LENGTH_S).requests_per_s == 0


def test_failures_are_told_apart() -> None:
    """Failures of Exeat are counted by code, those that upstreams answer by class; what is fine is neither."""
    recent = Recent()
    recent.note([*ended(10), *ended(5, "429", "rate-limited"), *ended(3, "404"), *ended(1, "503")], 100.0)
    recent.note(ended(5, "429", "rate-limited"), 100.1)
    rates = recent.rates(109.0)
    assert rates.errors == {"rate-limited": 1.0}
    assert rates.upstream_errors == {"4xx": 0.3, "5xx": 0.1}


def test_quantiles() -> None:
    """A quantile lies within its bucket; beyond the last one it is its bound, and of nothing there is none."""
    recent = Recent()
    recent.note(ended(100), 100.0)
    rates = recent.rates(100.0)
    assert (rates.p50_ms, rates.p95_ms, rates.p99_ms) == (1.75, 2.425, 2.485)
    assert quantile([], 0.5) is None
    assert quantile([0] * 17, 0.5) is None
    assert quantile([*[0] * 16, 3], 0.5) == 300_000
