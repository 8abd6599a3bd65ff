"""Spans from what workers note: names that stay few, values that stay harmless, whatever was asked for."""

from collections.abc import Mapping
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan

from exeat.cli.control.spans import resource_of, spans_of

BEGAN = 1_767_225_600_000_000_000
RECORD: Mapping[str, Any] = {
    "id": "0199f4e8-c1d2-7000-8000-000000000000",
    "outcome": "completed",
    "consumer": "shop",
    "key": "abc",
    "address": "198.51.100.7",
    "mode": "path",
    "method": "GET",
    "upstream": "api",
    "origin": None,
    "path": "/x",
    "query": None,
    "decision": "allow",
    "reason": None,
    "status": 200,
    "error": None,
    "attempts": [],
    "credential": "bearer",
    "duration_ms": 12.5,
    "bytes_in": 0,
    "bytes_out": 2,
    "cost": None,
}
ATTEMPT: Mapping[str, Any] = {
    "endpoint": "https://api.test/base",
    "address": "192.0.2.1",
    "status": 200,
    "error": None,
    "began_ms": 1.0,
    "head_ms": 10.0,
    "retry": None,
}


def made(record: Mapping[str, Any] | None = None, **noted: object) -> list[ReadableSpan]:
    """The spans of an exchange that differs in these."""
    note = {
        "began_ns": BEGAN, "trace_id": "a" * 32, "span_id": "b" * 16, "parent_id": None, "state": "",
        "spans": [("c" * 16, None)], "moments": [("gateway", 0.0)], "gateway": "https://gateway.test", "version": "1.1",
        "redirected": False, "record": {**RECORD, **(record or {})},
    }  # fmt: skip
    return list(spans_of({**note, **noted}, resource_of("i")))


def attributes(span: ReadableSpan) -> Mapping[str, object]:
    """Its attributes."""
    return dict(span.attributes or {})


@pytest.mark.parametrize(
    ("record", "name"),
    [
        ({}, "GET api"),
        ({"method": "BREW"}, "HTTP api"),
        ({"method": None, "upstream": None, "mode": None}, "HTTP"),
        ({"upstream": None, "origin": "https://a.test", "attempts": [ATTEMPT]}, "GET https://a.test"),
        ({"upstream": None, "origin": "https://any.test", "status": 403}, "GET"),
        ({"upstream": None, "mode": "own", "path": "/-/whoami"}, "GET /-/whoami"),
        ({"upstream": None, "mode": "own", "path": "/-/anything", "status": 404}, "GET"),
    ],
)
def test_names_stay_few(record: Mapping[str, Any], name: str) -> None:
    """What a stranger can write doesn't become the name of a span."""
    assert made(record)[0].name == name


@pytest.mark.parametrize(
    ("gateway", "scheme", "host", "port"),
    [
        ("https://gateway.test", "https", "gateway.test", 443),
        ("http://[::1]:8080", "http", "::1", 8080),
        ("http://gateway.test:99999", "http", None, None),
        ("http://[....]:80", "http", None, None),
        ("http://", "http", None, 80),
        ("", None, None, None),
    ],
)
def test_any_host(gateway: str, scheme: str | None, host: str | None, port: int | None) -> None:
    """However a caller writes Host, there is a span; what can't be read of it isn't said."""
    found = attributes(made(gateway=gateway)[0])
    assert (found.get("url.scheme"), found.get("server.address"), found.get("server.port")) == (scheme, host, port)


@pytest.mark.parametrize("query", ["page=2", "page=2&token=abc", "abc", "=abc", "a=b=c&&"])
def test_no_value_of_a_query(query: str) -> None:
    """Even what the document has recorded of a query stays out of spans."""
    exchange, attempt = made({"query": query, "attempts": [ATTEMPT]})
    for value in (attributes(exchange)["url.query"], str(attributes(attempt)["url.full"]).partition("?")[2]):
        assert isinstance(value, str)
        assert not {"2", "abc", "b", "c"} & set(value.replace("&", "=").split("="))


def test_an_attempts_url() -> None:
    """It is where the attempt went; of a redirect that was followed, what the record knows of it."""
    assert attributes(made({"attempts": [ATTEMPT]})[1])["url.full"] == "https://api.test/base/x"
    assert attributes(made({"attempts": [ATTEMPT]}, redirected=True)[1])["url.full"] == "https://api.test/base"


def test_an_answer_that_breaks_off() -> None:
    """Status 200 and a failure: both spans are errors, of the code."""
    spans = made({"outcome": "failed", "error": "upstream-closed", "attempts": [ATTEMPT]})
    assert [attributes(span)["error.type"] for span in spans] == ["upstream-closed"] * 2
    assert not any(span.status.is_ok for span in spans)


def test_times() -> None:
    """Milliseconds since the beginning become nanoseconds since the epoch; an attempt without an end ends with all."""
    exchange, attempt = made({"attempts": [ATTEMPT]})
    assert (exchange.start_time, exchange.end_time) == (BEGAN, BEGAN + 12_500_000)
    assert (attempt.start_time, attempt.end_time) == (BEGAN + 1_000_000, BEGAN + 12_500_000)
    assert [event.timestamp for event in attempt.events] == [BEGAN + 10_000_000]


@pytest.mark.parametrize("state", ["a=1,b=2", "nonsense", "a=1,,=,b", "\xff=\xff"])
def test_any_state(state: str) -> None:
    """A tracestate that isn't valid doesn't cost the span."""
    (span,) = made(state=state)
    assert span.context is not None
    assert span.context.trace_id == int("a" * 32, 16)
