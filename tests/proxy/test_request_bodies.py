"""Conversations about a request's body: how it leaves, and what becomes of it when nobody wants it."""

from exeat.wire.body import ChunkedBody
from tests.support.access import attempts_of
from tests.support.playbook import CHUNKED, CREDENTIAL, KEYED, UPSTREAM, Stage, chunks, conversation, message, scene
from tests.support.values import KEY

HOST = "Host: gateway.test"
NEXT = message("GET /api/next HTTP/1.1", HOST, KEYED)
NEXT_LEFT = ("GET /next HTTP/1.1", "Host: api.test", CREDENTIAL)


@conversation()
def test_a_body_of_a_length(stage: Stage) -> None:
    """A body leaves with the length that it came with, byte for byte."""
    caller = stage.caller()
    caller.says("POST /api/ HTTP/1.1", HOST, KEYED, "Content-Length: 6", "X-A: 1", body=b"\x00\xff\r\n\r\n")
    api = stage.upstream()
    api.hears("POST / HTTP/1.1", "Host: api.test", "X-A: 1", "Content-Length: 6", CREDENTIAL, body=b"\x00\xff\r\n\r\n")
    api.says("HTTP/1.1 200 OK", "Content-Length: 0")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 0", UPSTREAM)
    record = stage.records[-1]
    assert (record["bytes_in"], record["bytes_out"], len(attempts_of(record))) == (6, 0, 1)


@conversation()
def test_a_chunked_body(stage: Stage) -> None:
    """A chunked body leaves chunked, its extensions dropped, and the next request follows it."""
    caller = stage.caller()
    caller.sends(
        message("POST /api/ HTTP/1.1", HOST, KEYED, CHUNKED, body="5;x=1\r\nhello\r\n6\r\n world\r\n0;y\r\n\r\n") + NEXT
    )
    api = stage.upstream()
    api.hears("POST / HTTP/1.1", "Host: api.test", CHUNKED, CREDENTIAL, body=chunks("hello world"))
    api.says("HTTP/1.1 204 No Content")
    api.hears(*NEXT_LEFT)
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@conversation()
def test_a_chunked_body_that_is_slow_to_begin(stage: Stage) -> None:
    """The head of a request whose body doesn't begin at once leaves soon without it."""
    caller = stage.caller()
    caller.says("POST /api/ HTTP/1.1", HOST, KEYED, CHUNKED)
    stage.passes(0.2)
    api = stage.upstream()
    api.hears("POST / HTTP/1.1", "Host: api.test", CHUNKED, CREDENTIAL)
    caller.sends("5\r\nhello\r\n0\r\n\r\n")
    body = ChunkedBody()
    assert body.feed(api.takes()) == b"hello"
    assert body.done


@conversation()
def test_trailers_of_a_request(stage: Stage) -> None:
    """Trailers leave with the body, except those that would mean something to a server (RFC 9110 §6.5.1)."""
    caller = stage.caller()
    trailers = ("X-Sum: 5", "Host: other.test", "Authorization: Basic x", "Exeat-Key: y", "Content-Length: 3")
    caller.says("POST /api/ HTTP/1.1", HOST, KEYED, CHUNKED, body=chunks("hello", trailers=trailers))
    stage.upstream().hears(
        "POST / HTTP/1.1", "Host: api.test", CHUNKED, CREDENTIAL, body=chunks("hello", trailers=("X-Sum: 5",))
    )


@conversation()
def test_a_trailer_that_holds_the_key(stage: Stage) -> None:
    """A trailer with the key in it is left out; the request is complete without it, and the next one follows."""
    caller = stage.caller()
    trailers = ("X-Sum: 5", f"X-Note: {KEY.decode()} is mine", "X-End: 6")
    caller.sends(message("POST /api/ HTTP/1.1", HOST, KEYED, CHUNKED, body=chunks("hello", trailers=trailers)) + NEXT)
    api = stage.upstream()
    left = chunks("hello", trailers=("X-Sum: 5", "X-End: 6"))
    api.hears("POST / HTTP/1.1", "Host: api.test", CHUNKED, CREDENTIAL, body=left)
    api.says("HTTP/1.1 204 No Content")
    api.hears(*NEXT_LEFT)


@conversation()
def test_an_empty_chunked_body(stage: Stage) -> None:
    """A chunked body without content stays one: the upstream must see its end."""
    caller = stage.caller()
    caller.says("POST /api/ HTTP/1.1", HOST, KEYED, CHUNKED, body=chunks())
    stage.upstream().hears("POST / HTTP/1.1", "Host: api.test", CHUNKED, CREDENTIAL, body=chunks())


@conversation()
def test_a_length_of_nought(stage: Stage) -> None:
    """`Content-Length: 0` leaves as it came, and no body is waited for."""
    caller = stage.caller()
    caller.sends(message("POST /api/ HTTP/1.1", HOST, KEYED, "Content-Length: 0") + NEXT)
    api = stage.upstream()
    api.hears("POST / HTTP/1.1", "Host: api.test", "Content-Length: 0", CREDENTIAL)
    api.says("HTTP/1.1 204 No Content")
    api.hears(*NEXT_LEFT)


@conversation()
def test_a_bad_chunk_with_the_head(stage: Stage) -> None:
    """A body whose framing breaks is refused and never completed, wherever the bytes were cut."""
    caller = stage.caller()
    caller.sends(message("POST /api/ HTTP/1.1", HOST, KEYED, CHUNKED, body="5\r\nhelloXX"))
    caller.hears_problem(400, "malformed-request", closes=True)
    caller.sees_it_closed()
    api = stage.upstream()
    assert not api.takes().endswith(b"0\r\n\r\n")
    api.sees_it_dropped()
    assert stage.records[-1]["error"] == "malformed-request"


@conversation()
def test_a_bad_chunk_on_a_kept_connection(stage: Stage) -> None:
    """The same holds where the upstream's connection is there already and the whole request arrives at once."""
    caller = stage.caller()
    caller.sends(NEXT)
    api = stage.upstream()
    api.hears(*NEXT_LEFT)
    api.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)
    caller.sends(message("POST /api/ HTTP/1.1", HOST, KEYED, CHUNKED, body="zz\r\n"))
    caller.hears_problem(400, "malformed-request", closes=True)
    api.sees_it_dropped()


@conversation()
def test_an_early_answer(stage: Stage) -> None:
    """An answer before the body is complete reaches the caller; the rest of a short body is skipped."""
    caller = stage.caller()
    caller.says("POST /api/ HTTP/1.1", HOST, KEYED, "Content-Length: 8", body="half")
    api = stage.upstream()
    api.hears("POST / HTTP/1.1", "Host: api.test", "Content-Length: 8", CREDENTIAL, body="half")
    api.says("HTTP/1.1 413 Content Too Large", "Content-Length: 2", body="no")
    caller.hears("HTTP/1.1 413 Content Too Large", "Content-Length: 2", UPSTREAM, body="no")
    api.sees_it_dropped()
    caller.sends(b"rest" + NEXT)
    stage.upstream(2).hears(*NEXT_LEFT)


@conversation()
def test_an_early_answer_to_a_body_without_a_known_end(stage: Stage) -> None:
    """After an early answer nobody waits for the end of a chunked body: the connection says that it closes."""
    caller = stage.caller()
    caller.says("POST /api/ HTTP/1.1", HOST, KEYED, CHUNKED, body="4\r\nhalf\r\n")
    api = stage.upstream()
    api.takes()
    api.says("HTTP/1.1 413 Content Too Large", "Content-Length: 2", body="no")
    caller.hears("HTTP/1.1 413 Content Too Large", "Content-Length: 2", "Connection: close", UPSTREAM, body="no")
    caller.sees_it_closed()
    api.sees_it_dropped()
    caller.sends(b"0\r\n\r\n" + NEXT)
    assert stage.dialled == 1


@conversation()
def test_an_answer_that_streams_while_the_body_still_comes(stage: Stage) -> None:
    """Body and answer may flow at the same time, in both directions."""
    caller = stage.caller()
    caller.says("POST /api/ HTTP/1.1", HOST, KEYED, "Content-Length: 4", body="on")
    api = stage.upstream()
    api.hears("POST / HTTP/1.1", "Host: api.test", "Content-Length: 4", CREDENTIAL, body="on")
    api.says("HTTP/1.1 200 OK", "Content-Length: 4", body="an")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 4", UPSTREAM, body="an")
    caller.sends("ly")
    api.hears_bytes("ly")
    api.sends("d!")
    caller.hears_bytes("d!")
    caller.sends(NEXT)
    api.hears(*NEXT_LEFT)
    assert stage.dialled == 1


@conversation()
def test_a_refused_request_with_a_body(stage: Stage) -> None:
    """The body of a request that is refused is read past, so that the next request is found."""
    caller = stage.caller()
    caller.sends(message("POST /nothing/ HTTP/1.1", HOST, KEYED, "Content-Length: 5", body="GET /") + NEXT)
    problem = caller.takes()
    assert problem.startswith(b"HTTP/1.1 404 ")
    assert b"Connection: close" not in problem
    stage.upstream().hears(*NEXT_LEFT)


@conversation()
def test_a_refused_request_whose_body_is_long(stage: Stage) -> None:
    """A long body isn't read past: the answer says that the connection closes, and the rest is discarded."""
    caller = stage.caller()
    caller.says("POST /nothing/ HTTP/1.1", HOST, KEYED, "Content-Length: 1000000", body="start")
    caller.hears_problem(404, "upstream-unknown", closes=True)
    caller.sees_it_closed()
    caller.sends("more" * 10)
    caller.hears_nothing()


@scene()
def test_who_goes_on_sending_after_the_end(stage: Stage) -> None:
    """What comes after the answer is discarded for two seconds and up to a bound; then the connection is dropped."""
    for flood in (b"x" * 220_000, b""):
        caller = stage.caller()
        caller.says("POST /nothing/ HTTP/1.1", HOST, KEYED, "Content-Length: 100000000", body="start")
        caller.hears_problem(404, "upstream-unknown", closes=True)
        for _ in range(20):
            caller.sends(flood)
        if not flood:
            caller.sees_it_closed()
            stage.passes(2.5)
        caller.sees_it_dropped()


@conversation()
def test_an_upstream_that_goes_away_while_the_body_comes(stage: Stage) -> None:
    """The failure reaches the caller; the body that still comes goes nowhere."""
    caller = stage.caller()
    caller.says("POST /api/ HTTP/1.1", HOST, KEYED, "Content-Length: 8", body="half")
    stage.upstream().vanishes()
    caller.hears_problem(502, "upstream-closed")
    caller.sends(b"rest" + NEXT)
    stage.upstream(2).hears(*NEXT_LEFT)
