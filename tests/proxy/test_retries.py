"""Conversations in which an attempt fails and another one follows, or doesn't: pauses, keys, deadlines, budgets."""

import re
from email.utils import formatdate

import pytest

from exeat.model.retries import Retries
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Timeouts
from tests.support.access import attempts_of
from tests.support.playbook import (
    ADDRESS,
    BEGAN,
    CREDENTIAL,
    KEYED,
    UPSTREAM,
    Party,
    Stage,
    conversation,
    on_stage,
    plain,
    scene,
)
from tests.support.values import snapshot, upstream

HOST = "Host: gateway.test"
ASKED = ("GET /x HTTP/1.1", "Host: api.test", CREDENTIAL)
BUSY = ("HTTP/1.1 503 Service Unavailable", "Content-Length: 4")
FIRST_S, SECOND_S = 0.051, 0.101  # half of a back-off, and a little


def with_retries(retries: Retries, *urls: str, timeouts: Timeouts | None = None) -> Snapshot:
    """One upstream with these."""
    return snapshot(upstream("api", *(urls or ("http://api.test",)), retries=retries, timeouts=timeouts or Timeouts()))


def two_endpoints() -> Snapshot:
    """An upstream that is at two places."""
    return with_retries(Retries(), "http://one.test", "http://two.test", timeouts=Timeouts(response_s=4))


def ask(stage: Stage, *lines: str, start: str = "GET /api/x HTTP/1.1", body: str = "") -> tuple[Party, Party]:
    """Send a request; the caller and the upstream."""
    caller = stage.caller()
    caller.says(start, HOST, KEYED, *lines, body=body)
    return caller, stage.upstream()


def retries_of(stage: Stage) -> list[object]:
    """Why each attempt of the last exchange was followed by another one, or not."""
    return [one["retry"] for one in attempts_of(stage.records[-1])]


# Answers


@conversation()
def test_an_answer_that_is_worth_another_attempt(stage: Stage) -> None:
    """After a 503 the request is sent again when the back-off is over, on the same connection; the caller hears one."""
    caller, api = ask(stage)
    api.hears(*ASKED)
    api.says(*BUSY, body="busy")
    stage.passes(0.049)
    api.hears_nothing()
    stage.passes(0.002)
    api.hears(*ASKED)
    caller.hears_nothing()
    api.says("HTTP/1.1 200 OK", "Content-Length: 2", body="ok")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 2", UPSTREAM, body="ok")
    assert stage.dialled == 1
    assert [(one["status"], one["retry"]) for one in attempts_of(stage.records[-1])] == [
        (503, "again after a back-off"),
        (200, None),
    ]


@conversation()
def test_the_last_answer_is_passed_on(stage: Stage) -> None:
    """When all attempts are made, the caller gets the upstream's own last answer."""
    caller, api = ask(stage)
    for pause_s in (FIRST_S, SECOND_S):
        api.says(*BUSY, body="busy")
        caller.hears_nothing()
        stage.passes(pause_s)
    api.says(*BUSY, body="last")
    caller.hears(*BUSY, UPSTREAM, body="last")
    assert retries_of(stage)[-1] == "not again: all attempts are made"


@conversation()
def test_an_answer_that_comes_in_pieces_is_read_and_left(stage: Stage) -> None:
    """What is left of a short answer that nobody gets is read, so that its connection can serve again."""
    caller, api = ask(stage)
    api.hears(*ASKED)
    api.sends("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 8\r\n\r\nhalf")
    api.sends("half")
    stage.passes(FIRST_S)
    api.hears(*ASKED)
    api.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)
    assert stage.dialled == 1


@pytest.mark.parametrize("framing", ["Content-Length: 70000", "Transfer-Encoding: chunked", "Content-Length: 8"])
def test_an_answer_that_does_not_end_is_cut(framing: str) -> None:
    """A long answer that nobody gets, or one that doesn't end soon, costs its connection, and the call nothing."""
    with on_stage(plain()) as stage:
        caller, api = ask(stage)
        api.says("HTTP/1.1 503 Service Unavailable", framing, body="1\r\nx\r\n")
        stage.passes(FIRST_S)
        fresh = stage.upstream(2)
        fresh.says("HTTP/1.1 204 No Content")
        caller.hears("HTTP/1.1 204 No Content", UPSTREAM)
        stage.passes(1.0)
        api.sees_it_dropped()


@conversation()
def test_a_pause_that_is_asked_for(stage: Stage) -> None:
    """Retry-After is kept, and a share of the back-off is added."""
    caller, api = ask(stage)
    api.takes()
    api.says("HTTP/1.1 429 Too Many Requests", "Retry-After: 2", "Content-Length: 0")
    stage.passes(1.99)
    api.hears_nothing()
    stage.passes(0.07)
    api.hears(*ASKED)
    api.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)
    assert retries_of(stage) == ["again after the pause that the upstream asked for", None]


@scene()
def test_a_pause_until_a_date(stage: Stage) -> None:
    """A date is a pause until then."""
    caller, api = ask(stage)
    api.takes()
    until = formatdate(BEGAN + 3, usegmt=True)
    api.says("HTTP/1.1 503 Service Unavailable", f"Retry-After: {until}", "Content-Length: 0")
    stage.passes(2.9)
    api.hears_nothing()
    stage.passes(0.2)
    api.hears(*ASKED)
    api.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


PASSED_ON = [
    (("HTTP/1.1 503 Service Unavailable", "Retry-After: 11"), "the upstream asks for a longer pause than is waited"),
    (("HTTP/1.1 429 Too Many Requests",), "429 that doesn't say when"),
    (("HTTP/1.1 503 Service Unavailable", "X-Should-Retry: false"), "the upstream says that it is of no use"),
    (("HTTP/1.1 500 Internal Server Error",), None),
    (("HTTP/1.1 404 Not Found",), None),
]


@pytest.mark.parametrize(("lines", "reason"), PASSED_ON)
def test_an_answer_that_is_not(lines: tuple[str, ...], reason: str | None) -> None:
    """An answer that isn't worth another attempt is passed on at once, as it is; the record says why."""
    with on_stage(plain()) as stage:
        caller, api = ask(stage)
        api.says(*lines, "Content-Length: 3", body="why")
        caller.hears(*lines, "Content-Length: 3", UPSTREAM, body="why")
        assert retries_of(stage) == [None if reason is None else f"not again: {reason}"]


@conversation()
def test_the_upstream_asks_to_be_tried_again(stage: Stage) -> None:
    """x-should-retry: true makes any error worth another attempt."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 409 Conflict", "X-Should-Retry: true", "Content-Length: 0")
    stage.passes(FIRST_S)
    api.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@conversation()
def test_what_was_sent_and_may_do_something_twice(stage: Stage) -> None:
    """A POST that was answered with 503 may have been acted on: the answer is the caller's."""
    caller, api = ask(stage, start="POST /api/x HTTP/1.1")
    api.says(*BUSY, body="busy")
    caller.hears(*BUSY, UPSTREAM, body="busy")
    assert retries_of(stage) == ["not again: it was sent, and may do something twice"]


# Keys


def keyed(field: bytes = b"Idempotency-Key") -> Snapshot:
    """An upstream that honours an idempotency key."""
    return with_retries(Retries(idempotency_key=field))


@conversation(keyed)
def test_a_key_for_calls_without_one(stage: Stage) -> None:
    """Where the upstream honours a key, a POST gets one: a UUID, the same for each attempt."""
    caller, api = ask(stage, start="POST /api/x HTTP/1.1")
    first = api.takes()
    assert re.search(rb"\r\nIdempotency-Key: [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\r\n", first)
    api.says(*BUSY, body="busy")
    stage.passes(FIRST_S)
    assert api.takes() == first
    api.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)
    caller.says("POST /api/x HTTP/1.1", HOST, KEYED)
    assert api.takes() != first
    api.says("HTTP/1.1 204 No Content")
    caller.takes()


@pytest.mark.parametrize(
    ("start", "lines", "added"),
    [
        ("POST", ("Idempotency-Key: mine",), ()),
        ("POST", ("x-request-token: mine",), ()),
        ("GET", (), ()),
        ("PUT", (), ()),
    ],
)
def test_a_key_of_the_callers_own(start: str, lines: tuple[str, ...], added: tuple[str, ...]) -> None:
    """The caller's own key is never replaced, and what is idempotent needs none."""
    with on_stage(keyed(b"X-Request-Token")) as stage:
        caller, api = ask(stage, *lines, start=f"{start} /api/x HTTP/1.1")
        api.hears(f"{start} /x HTTP/1.1", "Host: api.test", *lines, *added, CREDENTIAL)
        api.says("HTTP/1.1 204 No Content")
        caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


# Failures


@conversation(two_endpoints)
def test_another_endpoint_where_nothing_was_sent(stage: Stage) -> None:
    """Where no connection comes about, the next endpoint is tried at once, whatever the method."""
    stage.names.update({"one.test": "192.0.2.1", "two.test": ADDRESS})
    stage.names["one.test"] = "93.184.216.35"
    stage.loop.network.refused.add("93.184.216.35")
    caller = stage.caller()
    caller.says("POST /api/x HTTP/1.1", HOST, KEYED)
    api = stage.upstream()
    api.hears("POST /x HTTP/1.1", "Host: two.test", CREDENTIAL)
    api.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)
    assert retries_of(stage) == ["again at once: at another endpoint, for nothing was sent", None]


@scene(two_endpoints)
def test_no_answer_in_time(stage: Stage) -> None:
    """An endpoint that doesn't answer in time isn't asked again, but another one is."""
    caller, one = ask(stage)
    stage.passes(4.2)
    one.sees_it_dropped()
    other = stage.upstream(2)
    other.hears("GET /x HTTP/1.1", "Host: two.test", CREDENTIAL)
    stage.passes(4.2)
    caller.hears_problem(504, "response-timeout")
    assert retries_of(stage) == ["again after a back-off", "not again: it would fail in the same way"]


@scene()
def test_every_attempt_fails_in_the_same_way(stage: Stage) -> None:
    """A call whose attempts fail for one reason has that reason's code."""
    stage.loop.network.refused.add(ADDRESS)
    caller = stage.caller()
    caller.says("POST /api/x HTTP/1.1", HOST, KEYED)
    caller.hears_nothing()
    stage.passes(FIRST_S + SECOND_S)
    problem = caller.hears_problem(502, "connect-failed")
    assert problem["attempts"] == 3


@scene()
def test_every_attempt_fails_in_its_own_way(stage: Stage) -> None:
    """A call whose attempts fail for different reasons says so, and names the last one."""
    caller, api = ask(stage)
    api.says(*BUSY, "Connection: close", body="busy")
    stage.passes(FIRST_S)
    stage.loop.network.refused.add(ADDRESS)
    stage.upstream(2).finishes()
    stage.passes(SECOND_S)
    problem = caller.hears_problem(502, "retries-exhausted")
    assert problem["attempts"] == 3
    assert "connect-failed" in str(problem["detail"])
    assert stage.records[-1]["error"] == "retries-exhausted"
    assert [(one["status"], one["error"]) for one in attempts_of(stage.records[-1])] == [
        (503, None),
        (None, "upstream-closed"),
        (None, "connect-failed"),
    ]


def test_a_call_is_tried_once() -> None:
    """Without retries a call is one attempt, also where nothing was sent and there is another endpoint."""
    off = with_retries(Retries(limit=0), "http://one.test", "http://two.test")
    with on_stage(off) as stage:
        stage.loop.network.refused.add(ADDRESS)
        caller = stage.caller()
        caller.says("GET /api/x HTTP/1.1", HOST, KEYED)
        caller.hears_problem(502, "connect-failed")
        assert stage.dialled == 1
        assert retries_of(stage) == ["not again: retries are off"]


# What else knows of them


@conversation()
def test_an_envelope(stage: Stage) -> None:
    """A call of an envelope is tried again like any other, with its body; `meta` counts the attempts."""
    caller = stage.caller()
    content = '{"upstream":"api","method":"PUT","path":"/x","text":"hello"}'
    caller.says("POST /-/call HTTP/1.1", HOST, KEYED, f"Content-Length: {len(content)}", body=content)
    api = stage.upstream()
    first = api.takes()
    assert first.endswith(b"hello")
    api.says(*BUSY, body="busy")
    stage.passes(FIRST_S)
    assert api.takes() == first
    api.says("HTTP/1.1 200 OK", "Content-Length: 2", body="ok")
    heard = caller.takes()
    assert b'"attempts":2' in heard
    assert b'"status":200' in heard
