"""Conversations about kept connections that turn out to be closed (RFC 9110 §9.2.2): the request is sent once more."""

from collections.abc import Callable

import pytest

from tests.support.access import attempts_of
from tests.support.playbook import CHUNKED, CREDENTIAL, KEYED, UPSTREAM, Party, Stage, conversation, on_stage, plain

HOST = "Host: gateway.test"
STALE = "again at once: the kept connection had been closed"


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
    assert [one["retry"] for one in attempts_of(stage.records[-1])] == [STALE, None]


@conversation()
def test_a_kept_connection_that_was_reset(stage: Stage) -> None:
    """A reset at the moment of sending is the same as a close."""
    caller, api = warm(stage)
    caller.says("GET /api/x HTTP/1.1", HOST, KEYED)
    api.vanishes()
    stage.upstream(2).says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@conversation()
def test_it_is_not_counted(stage: Stage) -> None:
    """What meets a dead connection leaves as many attempts as there are for a call that didn't."""
    caller, api = warm(stage)
    caller.says("GET /api/x HTTP/1.1", HOST, KEYED)
    api.finishes()
    for number, pause_s in ((2, 0.051), (3, 0.101)):
        stage.upstream(number).finishes()
        stage.passes(pause_s)
    stage.upstream(4).finishes()
    caller.hears_problem(502, "upstream-closed")
    assert [one["retry"] for one in attempts_of(stage.records[-1])] == [
        STALE,
        "again after a back-off",
        "again after a back-off",
        "not again: all attempts are made",
    ]


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
@pytest.mark.parametrize(("framing", "body"), [("Content-Length: 2", "ok"), (CHUNKED, "2\r\nok\r\n0\r\n\r\n")])
def test_a_body_that_is_kept(method: str, framing: str, body: str) -> None:
    """A body that is short enough to be kept is sent again, whole."""
    with on_stage(plain()) as stage:
        caller, api = warm(stage)
        caller.says(f"{method} /api/x HTTP/1.1", HOST, KEYED, framing, body=body)
        api.hears(f"{method} /x HTTP/1.1", "Host: api.test", framing, CREDENTIAL, body=body)
        api.finishes()
        fresh = stage.upstream(2)
        fresh.hears(f"{method} /x HTTP/1.1", "Host: api.test", framing, CREDENTIAL, body=body)
        fresh.says("HTTP/1.1 204 No Content")
        caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


def test_a_key_makes_it_safe() -> None:
    """A POST that its caller has given an Idempotency-Key is sent again, the key with it."""
    with on_stage(plain()) as stage:
        caller, api = warm(stage)
        caller.says("POST /api/x HTTP/1.1", HOST, KEYED, "Idempotency-Key: k1")
        api.finishes()
        fresh = stage.upstream(2)
        fresh.hears("POST /x HTTP/1.1", "Host: api.test", "Idempotency-Key: k1", CREDENTIAL)
        fresh.says("HTTP/1.1 204 No Content")
        caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


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
