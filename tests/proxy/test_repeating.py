"""Conversations about sending a request a second time: only where that can repeat nothing (RFC 9110 §9.2.2)."""

from collections.abc import Callable

import pytest

from tests.support.access import attempts_of
from tests.support.playbook import CHUNKED, CREDENTIAL, KEYED, UPSTREAM, Party, Stage, conversation, on_stage, plain

HOST = "Host: gateway.test"


def warm(stage: Stage) -> tuple[Party, Party]:
    """A caller, and an upstream whose connection has served once."""
    caller = stage.caller()
    caller.says("GET /api/first HTTP/1.1", HOST, KEYED)
    api = stage.upstream()
    api.takes()
    api.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)
    return caller, api


@conversation()
def test_a_kept_connection_that_died_unseen(stage: Stage) -> None:
    """A GET that meets a dead connection of the pool is sent once more, on a new one."""
    caller, api = warm(stage)
    caller.says("GET /api/x HTTP/1.1", HOST, KEYED)
    api.hears("GET /x HTTP/1.1", "Host: api.test", CREDENTIAL)
    api.finishes()
    fresh = stage.upstream(2)
    fresh.hears("GET /x HTTP/1.1", "Host: api.test", CREDENTIAL)
    fresh.says("HTTP/1.1 200 OK", "Content-Length: 2", body="ok")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 2", UPSTREAM, body="ok")
    assert len(attempts_of(stage.records[-1])) == 2


@conversation()
def test_a_kept_connection_that_was_reset(stage: Stage) -> None:
    """A reset at the moment of sending is the same as a close."""
    caller, api = warm(stage)
    caller.says("GET /api/x HTTP/1.1", HOST, KEYED)
    api.vanishes()
    stage.upstream(2).says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@conversation()
def test_once_and_no_more(stage: Stage) -> None:
    """A new connection that closes without an answer is the upstream's failure."""
    caller, api = warm(stage)
    caller.says("GET /api/x HTTP/1.1", HOST, KEYED)
    api.finishes()
    stage.upstream(2).finishes()
    caller.hears_problem(502, "upstream-closed")
    assert stage.dialled == 2
    assert len(attempts_of(stage.records[-1])) == 2


@conversation()
def test_a_new_connection_that_closes(stage: Stage) -> None:
    """A connection that never served anything didn't die of age: nothing is repeated."""
    caller = stage.caller()
    caller.says("GET /api/x HTTP/1.1", HOST, KEYED)
    stage.upstream().finishes()
    caller.hears_problem(502, "upstream-closed")
    assert stage.dialled == 1


@pytest.mark.parametrize(
    "lines",
    [
        ("POST /api/x HTTP/1.1", HOST, KEYED),
        ("PATCH /api/x HTTP/1.1", HOST, KEYED),
        ("QUERY /api/x HTTP/1.1", HOST, KEYED),
    ],
)
def test_what_may_do_something_twice(lines: tuple[str, ...]) -> None:
    """A method that may change something, or that nobody knows, is never sent again."""
    with on_stage(plain()) as stage:
        caller, api = warm(stage)
        caller.says(*lines)
        api.finishes()
        caller.hears_problem(502, "upstream-closed")
        assert stage.dialled == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize("framing", ["Content-Length: 2", CHUNKED])
def test_a_body_is_not_sent_twice(method: str, framing: str) -> None:
    """A request with a body isn't sent again: what was read of it isn't kept."""
    with on_stage(plain()) as stage:
        caller, api = warm(stage)
        caller.says(f"{method} /api/x HTTP/1.1", HOST, KEYED, framing, body="" if framing == CHUNKED else "ok")
        api.finishes()
        caller.hears_problem(502, "upstream-closed", closes=framing == CHUNKED)
        assert stage.dialled == 1


@pytest.mark.parametrize(
    "ending",
    [
        lambda api: (api.sends("HTTP/1.1 200"), api.finishes()),
        lambda api: api.sends("what?\r\n\r\n"),
        lambda api: (api.says("HTTP/1.1 103 Early Hints"), api.finishes()),
    ],
    ids=["half a head", "nonsense", "an interim answer"],
)
def test_an_answer_that_had_begun(ending: Callable[[Party], None]) -> None:
    """Where any byte of an answer came, the request has arrived, and isn't sent again."""
    with on_stage(plain()) as stage:
        caller, api = warm(stage)
        caller.says("GET /api/x HTTP/1.1", HOST, KEYED)
        ending(api)
        assert b"HTTP/1.1 502 Bad Gateway\r\n" in caller.takes()
        assert stage.dialled == 1


@conversation()
def test_a_dead_connection_that_was_seen_to_die(stage: Stage) -> None:
    """A kept connection that closes while idle is forgotten; the next request gets a new one, and that is no repeat."""
    caller, api = warm(stage)
    api.finishes()
    caller.says("POST /api/x HTTP/1.1", HOST, KEYED)
    stage.upstream(2).says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)
    assert len(attempts_of(stage.records[-1])) == 1
