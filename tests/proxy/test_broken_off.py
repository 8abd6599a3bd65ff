"""Conversations that break off: an upstream that is cut or talks nonsense, a caller that leaves."""

import ssl

from exeat.model.snapshot import Snapshot
from tests.support.playbook import (
    CHUNKED,
    CREDENTIAL,
    KEYED,
    UPSTREAM,
    Party,
    Stage,
    chunks,
    conversation,
    once,
    scene,
)
from tests.support.values import snapshot, upstream

HOST = "Host: gateway.test"


def ask(stage: Stage, *lines: str, version: str = "HTTP/1.1") -> tuple[Party, Party]:
    """Send a request; the caller and the upstream."""
    caller = stage.caller()
    caller.says(f"GET /api/ {version}", HOST, KEYED, *lines)
    api = stage.upstream()
    api.takes()
    return caller, api


@conversation(once)
def test_an_upstream_that_closes_without_an_answer(stage: Stage) -> None:
    """A connection that ends before the head is `upstream-closed`; the caller's own connection goes on."""
    caller, api = ask(stage)
    api.finishes()
    caller.hears_problem(502, "upstream-closed")
    caller.sees_it_open()


@conversation()
def test_an_upstream_that_closes_within_its_head(stage: Stage) -> None:
    """A head that ends in the middle is `upstream-malformed`."""
    caller, api = ask(stage)
    api.sends("HTTP/1.1 200 OK\r\nContent-Le")
    api.finishes()
    caller.hears_problem(502, "upstream-malformed")


@scene()
def test_a_head_without_end(stage: Stage) -> None:
    """A head of the answer that is larger than 32 KiB is refused, whole or in part."""
    for ending in ("", "\r\n\r\n"):
        caller, api = ask(stage)
        api.sends("HTTP/1.1 200 OK\r\nX: " + "x" * 33_000 + ending)
        caller.hears_problem(502, "upstream-malformed")
        api.sees_it_dropped()
        stage.loop.network.connections.clear()


@scene()
def test_an_upstream_that_ends_with_an_alert(stage: Stage) -> None:
    """An alert of TLS in place of an answer (a client certificate that is refused, in TLS 1.3) is `tls-failed`."""
    caller, api = ask(stage)
    api.breaks(ssl.SSLError(1, "alert bad certificate"))
    caller.hears_problem(502, "tls-failed")


@conversation()
def test_a_body_of_a_length_is_cut(stage: Stage) -> None:
    """An answer that lacks bytes of its length ends with the caller's connection, never cleanly."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", "Content-Length: 10", body="half")
    api.finishes()
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 10", UPSTREAM, body="half")
    caller.sees_it_closed()
    assert stage.records[-1]["error"] == "upstream-closed"
    assert stage.records[-1]["status"] == 200


@conversation()
def test_a_chunked_body_is_cut(stage: Stage) -> None:
    """A chunked answer that breaks off has no last chunk."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", CHUNKED, body="4\r\nhalf\r\n")
    api.vanishes()
    caller.hears("HTTP/1.1 200 OK", CHUNKED, UPSTREAM, body="4\r\nhalf\r\n")
    caller.sees_it_closed()


@conversation()
def test_a_bare_body_is_cut(stage: Stage) -> None:
    """A body that ends with its connection and is reset is not complete: no last chunk says that it is."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", body="half")
    api.vanishes()
    caller.hears("HTTP/1.1 200 OK", CHUNKED, UPSTREAM, body="4\r\nhalf\r\n")
    caller.sees_it_closed()


@conversation()
def test_a_body_is_cut_for_the_oldest_callers(stage: Stage) -> None:
    """A caller to whom the end of the connection means the end of the body sees a reset."""
    caller, api = ask(stage, version="HTTP/1.0")
    api.says("HTTP/1.1 200 OK", CHUNKED, body="4\r\nhalf\r\n")
    api.finishes()
    caller.sees_it_dropped()


@conversation()
def test_an_event_stream_is_cut(stage: Stage) -> None:
    """A stream of events says why it ends before it breaks off."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", "Content-Type: text/event-stream", CHUNKED, body="9\r\ndata: 1\n\n\r\n")
    api.vanishes()
    heard = caller.takes()
    identifier = str(stage.records[-1]["id"]).encode()
    assert heard.endswith(
        b'data: 1\n\nevent: error\ndata: {"code":"upstream-closed","request_id":"' + identifier + b'"}\n\n\r\n'
    )
    caller.sees_it_closed()


@conversation()
def test_an_answer_that_is_no_http(stage: Stage) -> None:
    """Bytes that can't begin an answer are refused at once, and none of them reaches the caller."""
    caller, api = ask(stage)
    api.sends("SSH-2.0-OpenSSH_9.2\r\n")
    problem = caller.hears_problem(502, "upstream-malformed")
    assert "SSH" not in str(problem)
    api.sees_it_dropped()


@conversation()
def test_an_answer_framed_in_two_ways(stage: Stage) -> None:
    """An answer with two framings is refused, not mended."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", "Content-Length: 5", CHUNKED, body=chunks("hello"))
    caller.hears_problem(502, "upstream-malformed")
    api.sees_it_dropped()


@conversation()
def test_a_bad_chunk_with_the_answers_head(stage: Stage) -> None:
    """Framing that breaks in the answer is the upstream's fault, however the bytes were cut."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", CHUNKED, body="5\r\nhelloXX")
    heard = caller.takes()
    if stage.records[-1]["status"] == 200:
        assert b"0\r\n\r\n" not in heard
        caller.sees_it_closed()
    else:
        assert heard.startswith(b"HTTP/1.1 502 ")
    assert stage.records[-1]["error"] == "upstream-malformed"
    api.sees_it_dropped()


@conversation()
def test_a_caller_that_leaves_while_the_upstream_works(stage: Stage) -> None:
    """A caller's end is the end of its call to the upstream."""
    caller, api = ask(stage)
    caller.vanishes()
    api.sees_it_dropped()
    assert stage.records[-1]["error"] == "client-closed"
    assert stage.records[-1]["status"] == 499


@conversation()
def test_a_caller_that_leaves_in_the_middle_of_an_answer(stage: Stage) -> None:
    """The rest of an answer that nobody reads isn't fetched."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", "Content-Length: 1000", body="start")
    caller.vanishes()
    api.sees_it_dropped()
    assert stage.records[-1]["error"] == "client-closed"


@conversation()
def test_a_caller_that_leaves_in_the_middle_of_its_body(stage: Stage) -> None:
    """A request that isn't complete never becomes complete upstream, and 499 is for the log only."""
    caller = stage.caller()
    caller.says("POST /api/ HTTP/1.1", HOST, KEYED, CHUNKED, body="4\r\nhalf\r\n")
    api = stage.upstream()
    api.hears("POST / HTTP/1.1", "Host: api.test", CHUNKED, CREDENTIAL, body="4\r\nhalf\r\n")
    caller.finishes()
    api.hears_nothing()
    api.sees_it_dropped()
    caller.hears_nothing()
    caller.sees_it_closed()
    assert stage.records[-1]["error"] == "client-closed"


@conversation()
def test_a_caller_that_has_said_everything(stage: Stage) -> None:
    """A caller may close its sending side and still read the answer (RFC 9112 §9.6)."""
    caller, api = ask(stage)
    caller.finishes()
    caller.sees_it_open()
    api.says("HTTP/1.1 200 OK", "Content-Length: 2", body="ok")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 2", UPSTREAM, body="ok")
    caller.sees_it_closed()
    assert stage.records[-1]["error"] is None


@conversation()
def test_a_caller_that_has_said_several_things(stage: Stage) -> None:
    """All requests that were sent before the end are answered."""
    caller = stage.caller()
    for path in ("a", "b"):
        caller.says(f"GET /api/{path} HTTP/1.1", HOST, KEYED)
    caller.finishes()
    api = stage.upstream()
    api.says("HTTP/1.1 200 OK", "Content-Length: 1", body="a")
    api.says("HTTP/1.1 200 OK", "Content-Length: 1", body="b")
    assert caller.takes().count(b"HTTP/1.1 200 OK\r\n") == 2
    caller.sees_it_closed()


@conversation()
def test_a_caller_that_is_gone_though_it_looks_half_closed(stage: Stage) -> None:
    """Where the answer doesn't begin soon after a caller's FIN, the caller counts as gone; nothing is sent to it."""
    caller, api = ask(stage)
    caller.finishes()
    stage.passes(1.0)
    api.sees_it_dropped()
    caller.hears_nothing()
    caller.sees_it_closed()
    assert stage.records[-1]["error"] == "client-closed"


@conversation()
def test_a_half_closed_caller_whose_answer_stops(stage: Stage) -> None:
    """After its FIN a caller whose answer has begun and doesn't move counts as gone too."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", "Content-Length: 10", body="half")
    caller.finishes()
    stage.passes(0.5)
    api.sends("more")
    stage.passes(0.5)
    caller.sees_it_open()
    stage.passes(0.5)
    caller.sees_it_closed()
    api.sees_it_dropped()
    assert stage.records[-1]["error"] == "client-closed"


@conversation()
def test_a_caller_that_connects_and_leaves(stage: Stage) -> None:
    """A connection without a request leaves no record."""
    caller = stage.caller()
    caller.sends("GET / HT")
    caller.finishes()
    caller.hears_nothing()
    caller.sees_it_closed()
    assert stage.records == []


def two_endpoints() -> Snapshot:
    """An upstream at two addresses."""
    return snapshot(upstream("api", "http://one.test", "http://two.test/base"))


@conversation(two_endpoints)
def test_the_next_endpoint_when_nothing_was_sent(stage: Stage) -> None:
    """An endpoint that can't be reached is passed over, for nothing was sent."""
    stage.names["one.test"] = "93.184.216.77"
    stage.loop.network.refused.add("93.184.216.77")
    caller = stage.caller()
    caller.says("POST /api/x HTTP/1.1", HOST, KEYED, "Content-Length: 2", body="ok")
    stage.upstream().hears("POST /base/x HTTP/1.1", "Host: two.test", "Content-Length: 2", CREDENTIAL, body="ok")
    stage.upstream().says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@conversation(two_endpoints)
def test_no_next_endpoint_when_something_was_sent(stage: Stage) -> None:
    """A request that may have arrived isn't sent to another endpoint."""
    caller = stage.caller()
    caller.says("POST /api/x HTTP/1.1", HOST, KEYED)
    stage.upstream().vanishes()
    caller.hears_problem(502, "upstream-closed")
    assert stage.dialled == 1


@conversation(two_endpoints)
def test_endpoints_take_turns(stage: Stage) -> None:
    """Requests go to the endpoints in turn."""
    caller = stage.caller()
    for number, host in enumerate(("one.test", "two.test"), 1):
        caller.says("GET /api/x HTTP/1.1", HOST, KEYED)
        heard = stage.upstream(number).takes()
        assert f"Host: {host}\r\n".encode() in heard
        stage.upstream(number).says("HTTP/1.1 204 No Content")
        caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@conversation(once)
def test_an_upstream_that_cannot_be_reached(stage: Stage) -> None:
    """A refused connection is `connect-failed`, without a word about addresses."""
    stage.loop.network.refused.add("93.184.216.34")
    caller = stage.caller()
    caller.says("GET /api/x HTTP/1.1", HOST, KEYED)
    problem = caller.hears_problem(502, "connect-failed")
    assert "93.184" not in str(problem)
    caller.sees_it_open()
