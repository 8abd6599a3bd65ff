"""A price that an answer should say and that can't be read: counted, said once a minute, and asked for readably."""

import gzip
import zlib
from dataclasses import replace

import pytest

from exeat.model.json_path import parse_json_path
from exeat.model.limit import NANOS, Price
from exeat.proxy.bill import BODY_LIMIT
from exeat.telemetry import metrics
from tests.support.playbook import KEYED, Stage, chunks, message, on_stage
from tests.support.values import snapshot, upstream

BY_JSON = Price("USD", json=parse_json_path("$.usage.cost"), reserve=5 * NANOS)
BY_FIELD = Price("USD", field=b"x-cost", reserve=5 * NANOS)
SAID = b'{"usage": {"cost": 2}}'
KIND = "Content-Type: application/json"
EVENTS = "Content-Type: text/event-stream"


def priced(price: Price, *lines: str, body: bytes = b"", stage: Stage, number: int = 1) -> None:
    """One call, and its answer."""
    caller = stage.caller()
    caller.sends(message("GET /api/x HTTP/1.1", "Host: gateway.test", KEYED))
    stage.upstream(number).says("HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *lines, body=body)
    assert b" 200 " in caller.takes_raw(), price


def unread(stage: Stage) -> dict[str, float | list[float]]:
    """How many prices couldn't be read, by reason."""
    samples = stage.worker.tally.take()
    return {sample.labels[1]: sample.value for sample in samples if sample.metric == metrics.PRICE_UNREAD.name}


@pytest.mark.parametrize(
    ("price", "lines", "body", "reason"),
    [
        (BY_JSON, (KIND,), b"{}", "missing"),
        (BY_JSON, (KIND,), b"", "missing"),
        (BY_JSON, (KIND,), b'{"usage": {"cost": "lots"}}', "unusable"),
        (BY_JSON, (KIND,), b'{"usage": {"cost": -1}}', "unusable"),
        (BY_JSON, (KIND,), b'{"usage": {"cost": null}}', "unusable"),
        (BY_JSON, ("Content-Type: text/html",), b"<p>", "not-json"),
        (BY_JSON, (KIND, "Content-Encoding: br"), b"\x0b\x02\x80{}\x03", "coding"),
        (BY_JSON, (KIND, "Content-Encoding: gzip"), b"no gzip at all", "coding"),
        (BY_JSON, (KIND,), SAID + b" " * BODY_LIMIT, "too-long"),
        (BY_JSON, (EVENTS,), b"data: {}\n\ndata: [DONE]\n\n", "missing"),
        (BY_JSON, (EVENTS,), b"data: " + SAID + b"\n\ndata: " + b"x" * 300_000 + b"\n\n", "too-long"),
        (BY_FIELD, (), b"", "missing"),
        (BY_FIELD, ("X-Cost: lots",), b"", "unusable"),
        (BY_FIELD, ("X-Cost: -1",), b"", "unusable"),
        (BY_FIELD, ("X-Cost: 1", "X-Cost: 2"), b"", "unusable"),
    ],
)
def test_what_cant_be_read_is_counted_and_said(price: Price, lines: tuple[str, ...], body: bytes, reason: str) -> None:
    """The call costs what was reserved; a metric counts it by reason, and the log says which price and why."""
    with on_stage(snapshot(replace(upstream("api", "http://api.test"), price=price))) as stage:
        priced(price, *lines, body=body, stage=stage)
        assert stage.records[0]["cost"] == {"amount": "5", "currency": "USD"}
        assert unread(stage) == {reason: 1}
        (line,) = [line for line in stage.log.splitlines() if "price can't be read" in line]
        assert "upstream=api" in line
        assert ("price=field x-cost" if price.field else "price=json $.usage.cost") in line
        assert f"id={stage.records[0]['id']}" in line
        assert "lots" not in line


@pytest.mark.parametrize(
    ("price", "lines", "body"),
    [
        (BY_JSON, (KIND,), SAID),
        (BY_JSON, (KIND, "Content-Encoding: gzip"), gzip.compress(SAID, mtime=0)),
        (BY_JSON, (KIND, "Content-Encoding: deflate"), zlib.compress(SAID)),
        (BY_JSON, (KIND, "Content-Encoding: deflate"), zlib.compress(SAID, wbits=-15)),
        (BY_JSON, (EVENTS,), b"data: " + SAID + b"\n\ndata: [DONE]\n\n"),
        (BY_FIELD, ("X-Cost: 2",), b""),
        (Price("USD", megabyte=2_000_000 * NANOS, reserve=5), (), b"x"),
    ],
)
def test_what_can_be_read_is_not(price: Price, lines: tuple[str, ...], body: bytes) -> None:
    """Where an answer says its price, there is nothing to count or say."""
    with on_stage(snapshot(replace(upstream("api", "http://api.test"), price=price))) as stage:
        priced(price, *lines, body=body, stage=stage)
        assert stage.records[0]["cost"] == {"amount": "2", "currency": "USD"}
        assert unread(stage) == {}
        assert stage.log == ""


def test_once_a_minute() -> None:
    """However many calls there are, one line a minute says so, with how many there were; the metric counts all."""
    with on_stage(snapshot(replace(upstream("api", "http://api.test"), price=BY_JSON))) as stage:
        for _ in range(3):
            priced(BY_JSON, KIND, body=b"{}", stage=stage)
        assert stage.log.count("price can't be read") == 1
        stage.passes(61)
        number = stage.dialled
        caller = stage.caller()
        caller.sends(message("GET /api/x HTTP/1.1", "Host: gateway.test", KEYED))
        stage.upstream(max(number, stage.dialled)).says("HTTP/1.1 200 OK", "Content-Length: 0")
        assert stage.log.count("price can't be read") == 2
        assert "calls=3" in stage.log.splitlines()[-1]
        assert unread(stage) == {"missing": 4}


def test_a_call_that_fails_is_counted_apart() -> None:
    """Without a whole answer no price can be read: that is counted, but it is no fault of the price."""
    with on_stage(snapshot(replace(upstream("api", "http://api.test"), price=BY_JSON))) as stage:
        caller = stage.caller()
        caller.sends(message("POST /api/x HTTP/1.1", "Host: gateway.test", KEYED, "Content-Length: 0"))
        stage.upstream(1).says("HTTP/1.1 200 OK", KIND, "Content-Length: 100", body=b'{"usage"')
        stage.upstream(1).finishes()
        assert stage.records[0]["error"] is not None
        assert unread(stage) == {"unfinished": 1}
        assert "price can't be read" not in stage.log


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ((), "identity"),
        (("Accept-Encoding: gzip, deflate, br, zstd",), "gzip, deflate"),
        (("Accept-Encoding: br;q=1.0, gzip;q=0.5",), "gzip;q=0.5"),
        (("accept-encoding: br", "Accept-Encoding: GZIP"), "GZIP"),
        (("Accept-Encoding: br",), "identity"),
        (("Accept-Encoding: *",), "identity"),
        (("Accept-Encoding: identity;q=0, br",), "identity"),
        (("Accept-Encoding: gzip",), "gzip"),
        (("Accept-Encoding: ",), "identity"),
    ],
)
def test_what_is_asked_for(asked: tuple[str, ...], sent: str) -> None:
    """Where a price stands in the body, no coding is asked for that can't be undone; elsewhere nothing is changed."""
    for price in BY_JSON, BY_FIELD:
        with on_stage(snapshot(replace(upstream("api", "http://api.test"), price=price))) as stage:
            caller = stage.caller()
            caller.sends(message("GET /api/x HTTP/1.1", "Host: gateway.test", KEYED, *asked))
            raw = stage.upstream(1).takes_raw().decode()
            lines = [line for line in raw.split("\r\n") if line.lower().startswith("accept-encoding:")]
            assert lines == ([f"Accept-Encoding: {sent}"] if price is BY_JSON else list(asked))
            stage.upstream(1).says("HTTP/1.1 204 No Content")


def test_a_stream_is_read_in_pieces() -> None:
    """How a body is cut changes nothing."""
    with on_stage(snapshot(replace(upstream("api", "http://api.test"), price=BY_JSON))) as stage:
        caller = stage.caller()
        caller.sends(message("GET /api/x HTTP/1.1", "Host: gateway.test", KEYED))
        body = chunks(*SAID.decode())
        stage.upstream(1).says("HTTP/1.1 200 OK", KIND, "Transfer-Encoding: chunked", body=body)
        assert stage.records[0]["cost"] == {"amount": "2", "currency": "USD"}
