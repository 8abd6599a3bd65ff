"""Conversations of a worker that makes traces: what goes upstream, what is noted of it, and what is recorded."""

import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import orjson
import pytest

from exeat.model.retries import Retries
from exeat.model.snapshot import Snapshot
from exeat.proxy.observing import TOGETHER, Observing
from tests.support.playbook import CREDENTIAL, KEYED, Stage, conversation, on_stage, plain
from tests.support.values import KEY, snapshot, upstream

HOST = "Host: gateway.test"
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = f"traceparent: 00-{TRACE}-{SPAN}-01"
UNSAMPLED = f"traceparent: 00-{TRACE}-{SPAN}-00"
OK = ("HTTP/1.1 200 OK", "Content-Length: 2")
_SENT = re.compile(r"traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")


class Notes:
    """What a worker hands over; `takes` says whether somebody is there."""

    def __init__(self) -> None:
        self.takes = True
        self.exchanges: list[Mapping[str, Any]] = []
        self.dropped = 0

    def tell(self, payload: bytes) -> bool:
        """Take it, or not."""
        if self.takes:
            said = orjson.loads(payload)
            self.exchanges += said["exchanges"]
            self.dropped += said["dropped"]
        return self.takes


@contextmanager
def traced(sample: float | None = 1.0, configuration: Snapshot | None = None) -> Iterator[tuple[Stage, Notes]]:
    """A stage whose worker makes traces."""
    notes = Notes()
    with on_stage(configuration or plain()) as stage:
        stage.worker.observing = Observing(sample, None, notes.tell)
        yield stage, notes


def sent(heard: bytes) -> tuple[str, str, str]:
    """Trace, span and flags of the one traceparent in a request."""
    found = _SENT.findall(heard.decode("latin-1"))
    assert len(found) == 1, heard
    trace, span, flags = found[0]
    return trace, span, flags


def ask(stage: Stage, *lines: str, start: str = "GET /api/x HTTP/1.1", number: int = 1) -> bytes:
    """One call that is answered; the request that the upstream got."""
    caller = stage.caller()
    caller.says(start, HOST, KEYED, *lines)
    api = stage.upstream(number)
    heard = b"GET " + api.takes_raw().rpartition(b"GET ")[2]  # those before it came on the same connection
    api.says(*OK, body="ok")
    assert caller.takes_raw().startswith(b"HTTP/1.1 200 ")
    return heard


def flushed(stage: Stage) -> None:
    """What was noted is handed over."""
    assert stage.worker.observing is not None
    stage.worker.observing.flush()


def test_a_trace_is_continued() -> None:
    """The request says that it comes from the attempt's span, in the caller's trace, with the caller's state."""
    with traced(0.0) as (stage, notes):
        heard = ask(stage, SAMPLED, "tracestate: a=1", "tracestate: b=2")
        flushed(stage)
        trace, span, flags = sent(heard)
        assert (trace, flags) == (TRACE, "01")
        assert span != SPAN
        assert b"tracestate: a=1\r\ntracestate: b=2\r\n" in heard
        noted = notes.exchanges[0]
        assert noted["trace_id"] == noted["record"]["trace"] == stage.records[-1]["trace"] == TRACE
        assert (noted["parent_id"], noted["state"]) == (SPAN, "a=1,b=2")
        assert [each[0] for each in noted["spans"]] == [span]
        assert noted["span_id"] not in {span, SPAN}


@pytest.mark.parametrize(
    "wrong",
    [
        "traceparent: 00-0-0-01",
        f"traceparent: ff-{TRACE}-{SPAN}-01",
        f"traceparent: 00-{TRACE.upper()}-{SPAN}-01",
        f"traceparent: 00-{TRACE}-{'0' * 16}-01",
        "traceparent:",
        f"{SAMPLED}\r\n{SAMPLED}",
    ],
)
def test_a_trace_is_begun(wrong: str) -> None:
    """What isn't valid is as nothing: a trace of its own begins, and the state goes."""
    with traced() as (stage, notes):
        heard = ask(stage, wrong, "tracestate: a=1")
        flushed(stage)
        trace, _, flags = sent(heard)
        assert flags == "01"
        assert trace == stage.records[-1]["trace"] == notes.exchanges[0]["trace_id"]
        assert trace != TRACE
        assert b"tracestate" not in heard
        assert (notes.exchanges[0]["parent_id"], notes.exchanges[0]["state"]) == (None, "")


@pytest.mark.parametrize(("line", "sample", "is_noted"), [(SAMPLED, 0.0, True), (UNSAMPLED, 1.0, False)])
def test_sampling_is_the_parents(line: str, sample: float, is_noted: bool) -> None:  # noqa: FBT001 - parametrized
    """Where the caller says whether its trace is sampled, that counts; the trace goes on either way."""
    with traced(sample) as (stage, notes):
        heard = ask(stage, line)
        flushed(stage)
        assert sent(heard)[::2] == (TRACE, "01" if is_noted else "00")
        assert bool(notes.exchanges) is is_noted
        assert stage.records[-1]["trace"] == TRACE


def test_the_share_of_new_traces() -> None:
    """Of new traces the share is sampled that was asked for, and what leaves says so."""
    with traced(0.25) as (stage, notes):
        assert stage.worker.observing is not None
        stage.worker.observing._random = random.Random(7)  # noqa: S311, SLF001 - so that the share is one number
        flags = [sent(ask(stage))[2] for _ in range(200)]
        flushed(stage)
        assert flags.count("01") == len(notes.exchanges)
        assert 30 <= len(notes.exchanges) <= 70


def test_without_traces() -> None:
    """Where none are made, the caller's field passes as it is, valid or not, and the record names its trace."""
    with on_stage(plain()) as stage:
        assert f"{SAMPLED}\r\ntracestate: a=1\r\n".encode() in ask(stage, SAMPLED, "tracestate: a=1")
        assert stage.records[-1]["trace"] == TRACE
        assert b"traceparent: nonsense\r\n" in ask(stage, "traceparent: nonsense")
        assert b"traceparent" not in ask(stage)
        ask(stage, f"traceparent: 00-{'0' * 32}-{SPAN}-01")
        assert [record["trace"] for record in stage.records[1:]] == [None, None, None]


def test_every_attempt_has_a_span() -> None:
    """Each of them leaves with a traceparent of its own, and ends when it failed; the last one with the exchange."""
    with traced(1.0, snapshot(upstream("api", "http://one.test", "http://two.test", retries=Retries()))) as (
        stage,
        notes,
    ):
        caller = stage.caller()
        caller.says("GET /api/x HTTP/1.1", HOST, KEYED, SAMPLED)
        first = sent(stage.upstream(1).takes_raw())
        stage.passes(1.0)
        stage.upstream(1).says("HTTP/1.1 503 Busy", "Content-Length: 0")
        stage.passes(0.2)
        second = sent(stage.upstream(2).takes_raw())
        stage.passes(2.0)
        stage.upstream(2).says(*OK, body="o")
        stage.passes(3.0)
        stage.upstream(2).sends("k")
        flushed(stage)
        noted = notes.exchanges[0]
        assert [each[0] for each in noted["spans"]] == [first[1], second[1]]
        assert first[1] != second[1]
        assert first[0] == second[0] == TRACE
        ends = [each[1] for each in noted["spans"]]
        assert ends[0] == pytest.approx(1000, abs=1)
        assert ends[1] == pytest.approx(noted["record"]["duration_ms"], abs=1)
        phases = [phase for phase, _ in noted["moments"]]
        assert phases == ["gateway", "connect", "response", "backoff", "connect", "response", "relay"]
        times = [at for _, at in noted["moments"]]
        assert times == sorted(times)
        assert times[-1] == pytest.approx(ends[1] - 3000, abs=1)


def test_a_refusal_has_a_trace() -> None:
    """What never leaves is in a trace, too: of a stranger, and of a request that can't be read."""
    with traced() as (stage, notes):
        caller = stage.caller()
        caller.says("GET /api/x HTTP/1.1", HOST, SAMPLED)
        caller.hears_problem(401, "key-missing")
        broken = stage.caller()
        broken.sends("nonsense\r\n\r\n")
        broken.hears_problem(400, "malformed-request", closes=True)
        flushed(stage)
        stranger, unread = notes.exchanges
        assert (stranger["trace_id"], stranger["parent_id"], stranger["spans"]) == (TRACE, SPAN, [])
        assert unread["trace_id"] == unread["record"]["trace"] != TRACE
        assert unread["version"] is None


def test_calls_of_an_envelope() -> None:
    """Each call is in the trace of the envelope's caller, unless it says another; all leave as their own spans."""
    other = TRACE[::-1]
    calls = orjson.dumps(
        [
            {"upstream": "api", "path": "/one"},
            {"upstream": "api", "path": "/two", "headers": {"traceparent": f"00-{other}-{SPAN}-01"}},
        ]
    ).decode()
    with traced() as (stage, notes):
        caller = stage.caller()
        caller.says("POST /-/call HTTP/1.1", HOST, KEYED, SAMPLED, f"Content-Length: {len(calls)}", body=calls)
        heard = [sent(stage.upstream(number).takes_raw()) for number in (1, 2)]
        for number in (1, 2):
            stage.upstream(number).says(*OK, body="ok")
        flushed(stage)
        assert sorted(each[0] for each in heard) == sorted([TRACE, other])
        assert {noted["record"]["path"]: noted["trace_id"] for noted in notes.exchanges} == {
            "/one": TRACE,
            "/two": other,
        }
        assert {noted["parent_id"] for noted in notes.exchanges} == {SPAN}


def test_nobody_is_there() -> None:
    """What can't be handed over is dropped and counted, and said with the next; memory stays bounded."""
    with traced() as (stage, notes):
        notes.takes = False
        for _ in range(TOGETHER + 3):
            ask(stage)
        notes.takes = True
        ask(stage)
        flushed(stage)
        assert (notes.dropped, len(notes.exchanges)) == (TOGETHER, 4)


def test_a_key_in_the_state() -> None:
    """A request whose state holds the key isn't sent, and the state isn't noted."""
    with traced() as (stage, notes):
        caller = stage.caller()
        caller.says("GET /api/x HTTP/1.1", HOST, KEYED, SAMPLED, f"tracestate: a={KEY.decode()}")
        caller.hears_problem(400, "malformed-request")
        flushed(stage)
        assert KEY.decode() not in orjson.dumps(notes.exchanges).decode()


@conversation()
def test_however_it_is_cut(stage: Stage) -> None:
    """A traced call is heard the same however its bytes come."""
    stage.worker.observing = Observing(0.0, None)
    caller = stage.caller()
    caller.says("GET /api/x HTTP/1.1", HOST, KEYED, UNSAMPLED, "X-A: 1")
    api = stage.upstream()
    heard = api.takes_raw()
    line = f"traceparent: 00-{TRACE}-{sent(heard)[1]}-00"
    assert heard.decode() == f"GET /x HTTP/1.1\r\nHost: api.test\r\nX-A: 1\r\n{line}\r\n{CREDENTIAL}\r\n\r\n"
    api.says(*OK, body="ok")
    assert caller.takes_raw().startswith(b"HTTP/1.1 200 ")
