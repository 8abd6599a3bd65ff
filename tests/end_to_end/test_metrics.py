"""`/metrics` of a running gateway: what its workers count, together, and how it is."""

import signal
from collections.abc import Callable, Mapping

import httpx
from prometheus_client.parser import text_string_to_metric_families as read_families

from exeat.telemetry.metrics import METRICS
from tests.end_to_end.test_control_listener import Control, running
from tests.support.gateway import make_key, wait_until
from tests.support.markers import MARKERS
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import RawCaller
from tests.support.redis import redis_server

SECRET = MARKERS.make("token of the metrics")
Samples = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(control: Control, token: str | None = None) -> httpx.Response:
    """One look at the metrics."""
    urls = control.gateway.serving["control"]
    assert isinstance(urls, list)
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{urls[0]}/metrics", headers=headers, timeout=15)


def samples(control: Control) -> Samples:
    """All samples, by name and labels."""
    families = read_families(scrape(control).text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float | None:
    """One sample."""
    return found.get((name, frozenset(labels.items())))


def total(found: Samples, name: str) -> float:
    """All samples of a name together."""
    return sum(count for (known, _), count in found.items() if known == name)


def until(control: Control, holds: Callable[[Samples], bool], what: str) -> Samples:
    """The samples, once they are so."""
    last: list[Samples] = []

    def look() -> bool:
        last[:] = [samples(control)]
        return holds(last[0])

    wait_until(look, what)
    return last[0]


def status_of_path(peer: Peer, request: Request) -> None:
    """An upstream that answers with the status that the path names."""
    peer.send(f"HTTP/1.1 {request.target.rsplit('/', 1)[-1]} Said\r\nContent-Length: 2\r\n\r\nok".encode())


def test_what_was_called_is_counted_once_over_all_workers() -> None:
    """However many workers serve, and one is killed: each exchange is counted, with status, code and consumer."""
    key = make_key()
    with Origin(status_of_path) as upstream:
        document = {
            "upstreams": {"api": upstream.entry() | {"retries": 0, "circuit": "off", "price": "0.25 EUR"}},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["api"]}},
        }
        with running(document, workers=2) as control:
            for status in (200, 200, 200, 404, 503):
                for _ in range(4):
                    with RawCaller(control.gateway.port) as caller:
                        caller.call("GET", f"/api/{status}", f"Exeat-Key: {key.key}")
            with RawCaller(control.gateway.port) as caller:
                assert caller.call("GET", "/api/200").status == 401
            found = until(control, lambda found: total(found, "exeat_exchanges_total") == 21, "all is counted")
            assert value(found, "exeat_exchanges_total", upstream="-", status="401", code="key-missing") == 1
            assert value(found, "exeat_exchanges_total", upstream="api", status="200", code="") == 12
            assert value(found, "exeat_exchanges_total", upstream="api", status="404", code="") == 4
            assert value(found, "exeat_attempts_total", upstream="api", result="503") == 4
            assert value(found, "exeat_consumer_exchanges_total", consumer="web", outcome="completed") == 20
            assert value(found, "exeat_exchange_duration_seconds_count", upstream="api") == 20
            assert value(found, "exeat_exchange_duration_seconds_bucket", upstream="api", le="+Inf") == 20
            assert value(found, "exeat_cost_total", upstream="api", currency="EUR") == 5.0
            assert value(found, "exeat_body_bytes_total", upstream="api", direction="out") == 40
            assert value(found, "exeat_workers") == 2
            for name in ("exeat_exchanges_in_flight", "exeat_worker_memory_bytes", "exeat_loop_lag_seconds"):
                both = [(name, frozenset({("worker", worker)})) for worker in ("1", "2")]
                until(control, lambda found, both=both: all(one in found for one in both), f"{name} of both")  # type: ignore[misc]
            control.gateway.kill_worker(control.gateway.worker_pids()[0])
            until(control, lambda found: value(found, "exeat_worker_deaths_total") == 1, "its end is counted")
            found = until(control, lambda found: value(found, "exeat_worker_starts_total") == 3, "another one starts")
            assert value(found, "exeat_exchanges_total", upstream="api", status="200", code="") == 12


def test_endpoints_that_fail_and_that_rest() -> None:
    """One that has failed is no cause for alarm; one whose circuit is open is, with the reason."""
    key = make_key()
    with Origin(status_of_path) as upstream:
        document = {
            "upstreams": {"api": upstream.entry() | {"retries": 0, "circuit": {"failures": 3}}},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["api"]}},
        }
        with running(document) as control:

            def resting(found: Samples) -> list[dict[str, str]]:
                return [dict(labels) for name, labels in found if name == "exeat_endpoint_resting"]

            def call(status: int) -> None:
                with RawCaller(control.gateway.port) as caller:
                    caller.call("GET", f"/api/{status}", f"Exeat-Key: {key.key}")

            call(503)
            found = until(control, lambda found: total(found, "exeat_exchanges_total") == 1, "it is counted")
            assert not resting(found)
            call(503)
            call(503)
            found = until(control, lambda found: bool(resting(found)), "its circuit is open")
            (one,) = resting(found)
            assert one["upstream"] == "api"
            assert one["reason"]


def test_every_metric_is_there_from_the_start() -> None:
    """A rule of an alert never asks for a name that nothing has: each one is described before its first sample."""
    with running({}) as control:
        text = scrape(control).text
        for metric in METRICS:
            name = f"{metric.name}_total" if metric.kind == "counter" else metric.name
            assert f"# TYPE {name} {metric.kind}" in text, metric.name
        assert 'exeat_build{snapshot="' in text
        assert scrape(control).headers["content-type"].startswith("text/plain")


def test_openmetrics() -> None:
    """Who asks for OpenMetrics gets it."""
    with running({}) as control:
        urls = control.gateway.serving["control"]
        assert isinstance(urls, list)
        wanted = {"Accept": "application/openmetrics-text; version=1.0.0"}
        answer = httpx.get(f"{urls[0]}/metrics", headers=wanted, timeout=15)
        assert answer.headers["content-type"].startswith("application/openmetrics-text")
        assert answer.text.endswith("# EOF\n")


def test_a_token_for_the_metrics() -> None:
    """With EXEAT_METRICS_TOKEN, only who shows it reads them."""
    with running({}, EXEAT_METRICS_TOKEN=SECRET) as control:
        assert scrape(control).status_code == 401
        assert scrape(control, SECRET[:-1] + "x").status_code == 401
        assert scrape(control, SECRET).status_code == 200


def test_limits_that_are_nearly_used_up_and_redis_that_is_gone() -> None:
    """80 and 100 % of a quota are counted as events; what is left is a gauge, and so is whether Redis is there."""
    key = make_key()
    with redis_server() as redis, Origin(status_of_path) as upstream:
        document = {
            "upstreams": {"api": upstream.entry() | {"limits": [{"quota": "10/year"}]}},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["api"]}},
        }
        with running(document, EXEAT_REDIS_URL=redis.url) as control:
            until(control, lambda found: value(found, "exeat_shared_counters_up") == 1, "Redis is there")
            for _ in range(8):
                with RawCaller(control.gateway.port) as caller:
                    assert caller.call("GET", "/api/200", f"Exeat-Key: {key.key}").status == 200
            until(control, lambda found: value(found, "exeat_events_total", type="limit.nearly") == 1, "80 % is told")
            labels = {"scope": "upstream", "owner": "api", "limit": "quota-year"}
            until(
                control,
                lambda found: (value(found, "exeat_limit_left_ratio", **labels) or 1.0) <= 0.21,
                "what is left",
            )
            for _ in range(3):
                with RawCaller(control.gateway.port) as caller:
                    caller.call("GET", "/api/200", f"Exeat-Key: {key.key}")
            until(control, lambda found: value(found, "exeat_events_total", type="limit.reached") == 1, "100 % is told")
            refused = {"upstream": "api", "status": "429", "code": "quota-exhausted"}
            until(control, lambda found: (value(found, "exeat_exchanges_total", **refused) or 0) >= 1, "it is counted")
            redis.stop(signal.SIGKILL)
            with RawCaller(control.gateway.port) as caller:
                caller.call("GET", "/api/200", f"Exeat-Key: {key.key}")
            until(control, lambda found: value(found, "exeat_shared_counters_up") == 0, "Redis is gone")
            redis.start()
            until(control, lambda found: value(found, "exeat_shared_counters_up") == 1, "Redis is back")


def test_reloads() -> None:
    """A change that is applied, and one that is refused."""
    with running({"domains": ["one.test"]}) as control:
        control.gateway.write({"domains": ["two.test"]})
        until(control, lambda found: value(found, "exeat_reloads_total", result="applied") == 1, "applied")
        control.gateway.write({"domains": ["two test"]})
        found = until(control, lambda found: value(found, "exeat_reloads_total", result="refused") == 1, "refused")
        assert value(found, "exeat_reloads_total", result="applied") == 1
