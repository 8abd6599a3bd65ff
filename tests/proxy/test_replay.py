"""Conversations about bodies that are kept while they stream, and sent again where an attempt fails."""

import pytest

from exeat.model.retries import Retries
from exeat.model.snapshot import Snapshot
from tests.support.access import attempts_of
from tests.support.playbook import (
    CHUNKED,
    CREDENTIAL,
    KEYED,
    UPSTREAM,
    Stage,
    chunks,
    conversation,
    message,
    on_stage,
    plain,
    scene,
)
from tests.support.values import snapshot, upstream

HOST = "Host: gateway.test"
PUT = "PUT /api/x HTTP/1.1"
BUSY = ("HTTP/1.1 503 Service Unavailable", "Content-Length: 0")
FIRST_S = 0.051
KEPT = 64 * 1024


def sent(*lines: str, body: str = "") -> bytes:
    """What the upstream is sent for a PUT."""
    return message("PUT /x HTTP/1.1", "Host: api.test", *lines, CREDENTIAL, body=body)


@conversation()
def test_the_rest_comes_in_the_pause(stage: Stage) -> None:
    """What comes of a body while nobody takes it is kept, and follows what was kept before."""
    caller = stage.caller()
    caller.says(PUT, HOST, KEYED, "Content-Length: 10", body="first")
    stage.upstream().vanishes()
    caller.sends("other")
    stage.passes(FIRST_S)
    fresh = stage.upstream(2)
    fresh.hears_bytes(sent("Content-Length: 10", body="firstother"))
    fresh.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)
    assert stage.records[-1]["bytes_in"] == 10


@conversation()
def test_the_rest_comes_after_the_pause(stage: Stage) -> None:
    """The rest of a body goes straight to the attempt that is under way."""
    caller = stage.caller()
    caller.says(PUT, HOST, KEYED, "Content-Length: 10", body="first")
    stage.upstream().vanishes()
    stage.passes(FIRST_S)
    caller.sends("other")
    fresh = stage.upstream(2)
    fresh.hears_bytes(sent("Content-Length: 10", body="firstother"))
    fresh.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@conversation()
def test_chunks_and_trailers(stage: Stage) -> None:
    """A chunked body is sent again with its trailers."""
    caller = stage.caller()
    body = chunks("one", "two", trailers=("X-Sum: 1",))
    caller.says(PUT, HOST, KEYED, CHUNKED, body=body)
    whole = sent(CHUNKED, body=chunks("onetwo", trailers=("X-Sum: 1",)))
    api = stage.upstream()
    api.hears_bytes(whole)
    api.says(*BUSY)
    stage.passes(FIRST_S)
    api.hears_bytes(whole)
    api.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@scene()
def test_chunks_of_which_none_has_come(stage: Stage) -> None:
    """A chunked request of which nothing has left isn't held to have been sent, whatever its method."""
    caller = stage.caller()
    caller.says("POST /api/x HTTP/1.1", HOST, KEYED, CHUNKED)
    api = stage.upstream()
    api.hears_nothing()
    api.vanishes()
    stage.passes(FIRST_S)
    caller.sends(chunks("one"))
    fresh = stage.upstream(2)
    fresh.hears_bytes(message("POST /x HTTP/1.1", "Host: api.test", CHUNKED, CREDENTIAL, body=chunks("one")))
    fresh.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@pytest.mark.parametrize("size", [KEPT, KEPT + 1])
@pytest.mark.parametrize("is_chunked", [False, True])
def test_how_much_is_kept(size: int, is_chunked: bool) -> None:  # noqa: FBT001 - a parameter
    """A body of the size that is kept is sent again; a longer one streams, and isn't."""
    with on_stage(plain()) as stage:
        caller = stage.caller()
        body = chunks("x" * 1000, "x" * (size - 1000)) if is_chunked else "x" * size
        caller.says(PUT, HOST, KEYED, CHUNKED if is_chunked else f"Content-Length: {size}", body=body)
        api = stage.upstream()
        first = api.takes()
        api.says(*BUSY)
        stage.passes(FIRST_S)
        if size > KEPT:
            caller.hears(*BUSY, UPSTREAM)
            assert [one["retry"] for one in attempts_of(stage.records[-1])] == ["not again: its body isn't kept"]
            return
        assert api.takes() == first
        api.says("HTTP/1.1 204 No Content")
        caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@scene()
def test_a_long_body_of_which_nothing_was_taken(stage: Stage) -> None:
    """A body that is too long to be kept is no hindrance as long as none of it was taken."""
    caller = stage.caller()
    caller.says(PUT, HOST, KEYED, "Content-Length: 100000")
    stage.upstream().vanishes()
    stage.passes(FIRST_S)
    fresh = stage.upstream(2)
    fresh.hears_bytes(sent("Content-Length: 100000"))
    caller.sends("x" * 100000)
    fresh.hears_bytes("x" * 100000)
    fresh.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


def small() -> Snapshot:
    """An upstream of whose requests little is kept."""
    return snapshot(upstream("api", "http://api.test", retries=Retries(body_bytes=10)))


@scene(small)
def test_much_comes_in_the_pause(stage: Stage) -> None:
    """Memory is bounded: who sends more than is kept while nobody takes it is held back, and loses nothing."""
    caller = stage.caller()
    caller.says(PUT, HOST, KEYED, CHUNKED, body="5\r\nfirst\r\n")
    stage.upstream().vanishes()
    caller.sends("a\r\n0123456789\r\n")
    assert caller.is_held_back()
    caller.sends("3\r\nend\r\n0\r\n\r\n")
    stage.passes(FIRST_S)
    assert not caller.is_held_back()
    fresh = stage.upstream(2)
    fresh.hears_bytes(sent(CHUNKED, body=chunks("first0123456789end")))
    fresh.vanishes()
    caller.hears_problem(502, "upstream-closed")  # what was more than is kept can't be sent again


@scene()
def test_an_upstream_that_read_slowly(stage: Stage) -> None:
    """A caller that the failed attempt held back goes on with the next one."""
    caller = stage.caller()
    size = 60_000
    stage.worker.snapshot = snapshot(upstream("api", "http://api.test", retries=Retries(body_bytes=1024 * 1024)))
    caller.says(PUT, HOST, KEYED, f"Content-Length: {size * 5}", body="x" * size)
    api = stage.upstream()
    api.takes()
    api.stops_reading()
    for _ in range(3):
        caller.sends("x" * size)
    assert caller.is_held_back()
    api.vanishes()
    assert not caller.is_held_back()
    stage.passes(FIRST_S)
    caller.sends("x" * size)
    fresh = stage.upstream(2)
    fresh.hears_bytes(sent(f"Content-Length: {size * 5}", body="x" * size * 5))
    fresh.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@conversation()
def test_an_answer_before_the_body(stage: Stage) -> None:
    """An error that comes while the body is on its way is followed by another attempt with all of it."""
    caller = stage.caller()
    caller.says(PUT, HOST, KEYED, "Content-Length: 10", body="first")
    api = stage.upstream()
    api.says(*BUSY)
    caller.sends("other")
    stage.passes(FIRST_S)
    fresh = stage.upstream(2)  # the connection still waits for the rest, and can't be used again
    fresh.hears_bytes(sent("Content-Length: 10", body="firstother"))
    fresh.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@conversation()
def test_a_body_that_waits_for_100(stage: Stage) -> None:
    """A caller that waits to be told to go on is told so by the attempt that wants its body."""
    caller = stage.caller()
    caller.says(PUT, HOST, KEYED, "Content-Length: 2", "Expect: 100-continue")
    head = sent("Content-Length: 2", "Expect: 100-continue")
    api = stage.upstream()
    api.hears_bytes(head)
    api.says(*BUSY)
    caller.hears_nothing()
    stage.passes(FIRST_S)
    fresh = stage.upstream(2)
    fresh.hears_bytes(head)
    fresh.says("HTTP/1.1 100 Continue")
    caller.hears("HTTP/1.1 100 Continue")
    caller.sends("ok")
    fresh.hears_bytes("ok")
    fresh.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@conversation()
def test_a_body_that_turns_out_malformed_in_the_pause(stage: Stage) -> None:
    """A body that can't be understood ends the pause, and the call: the caller is at fault."""
    caller = stage.caller()
    caller.says(PUT, HOST, KEYED, CHUNKED, body="5\r\nfirst\r\n")
    stage.upstream().vanishes()
    caller.sends("what?\r\n")
    caller.hears_problem(400, "malformed-request", closes=True)
    stage.passes(FIRST_S)
    assert stage.dialled == 1


@scene()
def test_a_caller_that_stops_in_the_pause(stage: Stage) -> None:
    """The time that a body may rest goes on in a pause, for the caller is who is waited for."""
    caller = stage.caller()
    caller.says(PUT, HOST, KEYED, "Content-Length: 10", body="first")
    api = stage.upstream()
    api.says("HTTP/1.1 503 Service Unavailable", "Retry-After: 9", "Content-Length: 0")
    stage.passes(9.1)
    stage.passes(61.0)
    caller.hears_problem(408, "client-timeout", closes=True)


def keeps_nothing() -> Snapshot:
    """An upstream of whose requests nothing is kept."""
    return snapshot(upstream("api", "http://api.test", retries=Retries(body_bytes=0)))


@scene(keeps_nothing)
def test_chunks_without_content_that_nobody_keeps(stage: Stage) -> None:
    """Of an empty chunked body the last chunk is all: once it was taken, it can't be sent again."""
    caller = stage.caller()
    caller.says(PUT, HOST, KEYED, CHUNKED, body="0\r\n\r\n")
    stage.upstream().vanishes()
    caller.hears_problem(502, "upstream-closed")
    assert stage.dialled == 1
