"""What `exeat top` makes of two looks at the metrics."""

from rich.console import Console

from exeat.cli.top.figures import Failure, Figures, Reading, compare, read
from exeat.cli.top.screen import draw

BEFORE = """\
exeat_exchanges_total{upstream="api",status="200",code=""} 100
exeat_exchanges_total{upstream="api",status="503",code=""} 1
exeat_exchanges_total{upstream="pay",status="200",code=""} 5
exeat_consumer_exchanges_total{consumer="web",outcome="completed"} 100
exeat_upstream_response_seconds_bucket{upstream="api",le="0.1"} 10
exeat_upstream_response_seconds_bucket{upstream="api",le="0.2"} 10
exeat_upstream_response_seconds_bucket{upstream="api",le="+Inf"} 10
exeat_workers 2
"""
NOW = """\
exeat_exchanges_total{upstream="api",status="200",code=""} 120
exeat_exchanges_total{upstream="api",status="503",code=""} 3
exeat_exchanges_total{upstream="api",status="429",code="quota-exhausted"} 4
exeat_exchanges_total{upstream="pay",status="200",code=""} 7
exeat_consumer_exchanges_total{consumer="web",outcome="completed"} 122
exeat_consumer_exchanges_total{consumer="web",outcome="refused"} 4
exeat_upstream_response_seconds_bucket{upstream="api",le="0.1"} 20
exeat_upstream_response_seconds_bucket{upstream="api",le="0.2"} 30
exeat_upstream_response_seconds_bucket{upstream="api",le="+Inf"} 30
exeat_exchanges_in_flight{worker="1"} 3
exeat_exchanges_in_flight{worker="2"} 4
exeat_limit_left_ratio{scope="upstream",owner="api",limit="quota-day"} 0.25
exeat_cost_total{upstream="api",currency="EUR"} 0.5
exeat_database_up 0
exeat_workers 2
"""


def figures() -> Figures:
    """Of two looks two seconds apart."""
    return compare(read(BEFORE, 10.0), read(NOW, 12.0))


def test_rates() -> None:
    """Calls and failures of a second; the busiest first."""
    found = figures()
    assert (found.per_s, found.failed_per_s) == (14.0, 3.0)
    assert [(row.name, row.per_s, row.failed_per_s) for row in found.upstreams] == [("api", 13.0, 3.0), ("pay", 1.0, 0)]
    assert [(row.name, row.per_s, row.failed_per_s) for row in found.consumers] == [("web", 13.0, 2.0)]
    assert found.failures == (Failure("api", "quota-exhausted", 2.0), Failure("api", "503", 1.0))


def test_gauges_and_money() -> None:
    """Of all workers together; money by the hour."""
    found = figures()
    assert (found.in_flight, found.workers) == (7, 2)
    assert found.costs == {"EUR": 900.0}
    assert found.upstreams[0].note == "25% of quota-day left"
    assert found.troubles == ("records wait in the journal for the database",)


def test_quantile_within_a_bucket() -> None:
    """20 were added, half below 0.1 s and half between 0.1 and 0.2: 95 of 100 took up to 0.19 s."""
    slow = figures().upstreams[0].p95_s
    assert slow is not None
    assert abs(slow - 0.19) < 1e-9


def test_counters_that_began_anew() -> None:
    """After a restart what has been counted since counts, and nothing is negative."""
    found = compare(read(NOW, 10.0), read(BEFORE, 12.0))
    assert all(row.per_s >= 0 for row in (*found.upstreams, *found.consumers))


def test_nothing_happens() -> None:
    """No figure is made up where there is none."""
    found = compare(Reading(1.0, {}), Reading(2.0, {}))
    assert (found.per_s, found.p95_s, found.upstreams) == (0, None, ())


def test_the_screen() -> None:
    """Everything is on it."""
    console = Console(width=120, record=True, file=None, force_terminal=False)
    with console.capture() as capture:
        console.print(draw(figures(), "http://127.0.0.1:8081"))
    text = capture.get()
    for word in ("14.0 calls/s", "3.0 failed", "quota-exhausted", "web", "25% of quota-day left", "900.00 EUR/h"):
        assert word in text
    assert "records wait in the journal" in text
