"""Traces of a running gateway: what a collector gets, by OpenTelemetry's conventions, and what it never gets."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import pytest

from tests.support.collector import Collector, Span, collector
from tests.support.gateway import Gateway, MadeKey, make_key, wait_until
from tests.support.markers import MARKERS, assert_no_leaks
from tests.support.origins import Origin, Peer, Request
from tests.support.programs import free_port
from tests.support.raw_caller import RawCaller

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"traceparent: 00-{TRACE}-{SPAN}-01"
SECRET = MARKERS.make("the upstream's secret")
VALUE = MARKERS.make("a value in a query")
HEADERS = MARKERS.make("the key of the collector")


class Place(NamedTuple):
    """A gateway that makes traces, and who gets them."""

    gateway: Gateway
    collector: Collector
    origin: Origin
    key: MadeKey
    seen: list[list[Request]]

    def call(self, method: str, path: str, *lines: str) -> int:
        """One call with the key."""
        with RawCaller(self.gateway.port) as caller:
            return caller.call(method, path, f"Exeat-Key: {self.key.key}", *lines).status

    def spans(self, holds: Callable[[Span], bool], least: int = 1) -> list[Span]:
        """The spans that fit, once there are so many."""
        wait_until(lambda: len([span for span in self.collector.spans if holds(span)]) >= least, "spans")
        return [span for span in self.collector.spans if holds(span)]


@contextmanager
def traced(behave: Callable[[Peer, Request], None], *, workers: int = 1, **env: str) -> Iterator[Place]:
    """A place for the length of a block."""
    key = make_key()
    with collector() as got, Origin(behave) as origin:
        upstream = origin.entry(credential={"kind": "bearer", "secret": SECRET})
        document = {
            "audit": {"query_values": ["page"]},
            "upstreams": {"api": upstream},
            "consumers": {"shop": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
        }
        settings = {"EXEAT_OTLP_URL": got.url, **env}
        with Gateway(document, settings, workers=workers) as gateway:
            yield Place(gateway, got, origin, key, [])
        raw = b"".join(got.raw)
        assert_no_leaks(MARKERS.leaks_in(raw, "what the collector got"))
        assert key.key.encode() not in raw


def ok(peer: Peer, _: Request) -> None:
    """An upstream that is well."""
    peer.answer(b"fine")


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """One place for all that needs none of its own; its upstream does what the path says, and keeps what it got."""
    seen: list[Request] = []

    def behave(peer: Peer, request: Request) -> None:
        seen.append(request)
        if request.target == "/reset":
            peer.reset()
        elif request.target == "/busy" and sum(one.target == "/busy" for one in seen) == 1:
            peer.answer(b"", status="503 Busy")
        else:
            peer.answer(b"fine")

    with traced(behave, EXEAT_OTLP_HEADERS=f"x-key={HEADERS}") as place:
        place.seen.append(seen)
        yield place


def of_trace(place: Place, trace: str, kind: str, least: int = 1) -> list[Span]:
    """The spans of a kind in a trace, in the order in which they began."""
    spans = place.spans(lambda span: (span.trace_id, span.kind) == (trace, kind), least)
    return sorted(spans, key=lambda span: span.began)


def test_an_exchange_and_its_attempt(place: Place) -> None:
    """Two spans, in the caller's trace: one of the server for the exchange, and in it one of a client."""
    query = f"page=2&token={VALUE}"
    assert place.call("GET", f"/api/v1/things?{query}", TRACEPARENT, "tracestate: a=1") == 200
    (exchange,), (attempt,) = of_trace(place, TRACE, "server"), of_trace(place, TRACE, "client")
    line = place.gateway.access_line(str(exchange.attributes["exeat.request_id"]))
    (sent,) = [request for request in place.seen[0] if request.target.endswith(query)]
    assert (exchange.name, exchange.kind, exchange.trace_id, exchange.parent_id) == ("GET api", "server", TRACE, SPAN)
    assert (attempt.name, attempt.kind, attempt.trace_id) == ("GET", "client", TRACE)
    assert attempt.parent_id == exchange.span_id
    assert sent.values("traceparent") == [f"00-{TRACE}-{attempt.span_id}-01"]
    assert sent.values("tracestate") == ["a=1"]
    assert line["trace"] == TRACE
    assert (exchange.state, attempt.state) == ("a=1", "a=1")
    assert exchange.began <= attempt.began <= attempt.ended <= exchange.ended
    assert not exchange.is_error
    assert not attempt.is_error
    assert dict(exchange.attributes) == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "url.path": "/v1/things",
        "url.query": "page=*&token=*",
        "server.address": "gateway",
        "server.port": 80,
        "client.address": "127.0.0.1",
        "network.protocol.name": "http",
        "network.protocol.version": "1.1",
        "http.response.status_code": 200,
        "http.request.body.size": 0,
        "http.response.body.size": 4,
        "exeat.request_id": line["id"],
        "exeat.consumer": "shop",
        "exeat.key": line["key"],
        "exeat.upstream": "api",
        "exeat.mode": "path",
        "exeat.decision": "allow",
        "exeat.outcome": "completed",
        "exeat.credential": "bearer",
    }
    assert dict(attempt.attributes) == {
        "http.request.method": "GET",
        "url.full": f"{place.origin.url}/v1/things?page=*&token=*",
        "server.address": place.origin.authority.partition(":")[0],
        "server.port": int(place.origin.authority.partition(":")[2]),
        "network.peer.address": "127.0.0.1",
        "network.protocol.name": "http",
        "network.protocol.version": "1.1",
        "http.response.status_code": 200,
        "exeat.upstream": "api",
    }
    assert [name for name, _ in exchange.events] == ["gateway", "connect", "response", "relay"]
    assert [name for name, _ in attempt.events] == ["head"]
    assert exchange.resource["service.name"] == "exeat"
    assert {"service.version", "service.instance.id"} <= set(exchange.resource)
    assert place.collector.fields[0]["x-key"] == HEADERS


def test_several_attempts(place: Place) -> None:
    """Each attempt is a span: what failed is an error, and the next one says that it is sent again."""
    trace = "b" * 32
    assert place.call("GET", "/api/busy", f"traceparent: 00-{trace}-{SPAN}-01") == 200
    (exchange,), attempts = of_trace(place, trace, "server"), of_trace(place, trace, "client", 2)
    assert [span.is_error for span in (exchange, *attempts)] == [False, True, False]
    assert [span.attributes.get("error.type") for span in attempts] == ["503", None]
    assert [span.attributes.get("http.request.resend_count") for span in attempts] == [None, 1]
    assert attempts[0].attributes["exeat.retry"] == "again after a back-off"
    assert attempts[0].ended <= attempts[1].began
    assert "backoff" in [name for name, _ in exchange.events]


def test_what_fails(place: Place) -> None:
    """A failure is an error, of the attempt and of the exchange, by the code that the caller got."""
    trace = "c" * 32
    assert place.call("POST", "/api/reset", f"traceparent: 00-{trace}-{SPAN}-01") == 502
    (exchange,), (attempt,) = of_trace(place, trace, "server"), of_trace(place, trace, "client")
    for span in (exchange, attempt):
        assert (span.is_error, span.attributes["error.type"]) == (True, "upstream-closed")


def test_what_is_refused(place: Place) -> None:
    """A refusal is the caller's affair: no error of the gateway's, with a code, and no name that the caller made."""
    assert place.call("GET", "/nobody/") == 404
    (refused,) = place.spans(lambda span: span.attributes.get("exeat.code") == "upstream-unknown")
    assert (refused.name, refused.parent_id, refused.is_error) == ("GET", "", False)
    assert "error.type" not in refused.attributes


def test_a_methods_own_name(place: Place) -> None:
    """What isn't a method of HTTP's own doesn't become the name of a span."""
    trace = "d" * 32
    assert place.call("BREW", "/api/", f"traceparent: 00-{trace}-{SPAN}-01") == 200
    (exchange,) = of_trace(place, trace, "server")
    assert exchange.name == "HTTP api"
    assert exchange.attributes["http.request.method"] == "_OTHER"
    assert exchange.attributes["http.request.method_original"] == "BREW"


def test_sampling() -> None:
    """With a share of 0, only what callers have sampled arrives; everything is in a trace nevertheless."""
    with traced(ok, workers=2, EXEAT_TRACE_SAMPLE="0") as place:
        for _ in range(5):
            assert place.call("GET", "/api/unsampled") == 200
        assert place.call("GET", "/api/sampled", TRACEPARENT) == 200
        place.spans(lambda span: span.kind == "server")
        lines = place.gateway.access_lines(6)
    assert {span.attributes.get("url.path") for span in place.collector.spans if span.kind == "server"} == {"/sampled"}
    assert len({line["trace"] for line in lines}) == 6
    assert all(len(str(line["trace"])) == 32 for line in lines)


def test_the_last_words() -> None:
    """What is noted when a gateway ends still arrives."""
    with traced(ok) as place:
        for _ in range(20):
            place.call("GET", "/api/")
    assert len([span for span in place.collector.spans if span.kind == "server"]) == 20


def test_a_collector_that_is_away() -> None:
    """Calls go on as ever; the log says once that traces can't be sent, and once that they are again."""
    with traced(ok) as place:
        place.collector.status = 400
        for number in range(3):
            assert place.call("GET", f"/api/{number}") == 200
            wait_until(lambda: bool(place.gateway.events("traces can't be sent")), "the log says so")
        place.collector.status = 200
        assert place.call("GET", "/api/last") == 200
        place.spans(lambda span: span.attributes.get("url.path") == "/last")
        wait_until(lambda: bool(place.gateway.events("traces are sent again")), "the log says that they are")
        failed = place.gateway.events("traces can't be sent")
    assert len(failed) == 1
    assert "400" in str(failed[0]["reason"])


def test_nobody_at_the_address() -> None:
    """A collector that was never there costs its spans, and neither a call nor the end."""
    with traced(ok, EXEAT_OTLP_URL=f"http://127.0.0.1:{free_port()}") as place:
        assert place.call("GET", "/api/") == 200
