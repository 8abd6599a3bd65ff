"""Conversations in which somebody takes too much, too long or too many: what bounds it, and that nobody else is cut."""

import json

import pytest

from exeat.model.limits import Limits
from tests.support.playbook import (
    CHUNKED,
    CREDENTIAL,
    KEYED,
    UPSTREAM,
    Party,
    Stage,
    message,
    on_stage,
    plain,
    scene,
)

HOST = "Host: gateway.test"
ASK = ("GET /api/a HTTP/1.1", HOST, KEYED)
TINY = "1\r\nx\r\n" * 5000
QUIET_S = 0.6


def answered(stage: Stage, size: int, *fields: str) -> Party:
    """A caller that stops reading before its answer of `size` bytes, all of which has left the upstream."""
    caller = stage.caller()
    caller.stops_reading()
    caller.says(*ASK, *fields)
    stage.upstream().says("HTTP/1.1 200 OK", f"Content-Length: {size}", body=b"x" * size)
    assert stage.records[-1]["bytes_out"] == size
    return caller


@pytest.mark.parametrize("fields", [(), ("Connection: close",)])
def test_an_answer_whose_end_is_not_read(fields: tuple[str, ...]) -> None:
    """Whoever doesn't take the last bytes for a minute is dropped, also where the connection was to close anyway."""
    with on_stage(plain()) as stage:
        caller = answered(stage, 60_000, *fields)
        stage.passes(59)
        assert len(stage.worker.connections) == 1
        stage.passes(2)
        caller.sees_it_dropped()


@scene()
def test_who_reads_slowly_is_not_cut(stage: Stage) -> None:
    """An answer that is taken late, but in time, is followed by the next request as usual."""
    caller = answered(stage, 60_000)
    stage.passes(55)
    caller.reads_on()
    assert caller.takes().endswith(b"x" * 60_000)
    stage.passes(55)
    caller.says(*ASK)
    stage.upstream(2).says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@scene()
def test_requests_behind_an_unread_answer_are_not_late(stage: Stage) -> None:
    """What the caller sent while an answer waits for it isn't a head that doesn't arrive."""
    caller = stage.caller()
    caller.stops_reading()
    caller.sends(message(*ASK) * 3)
    stage.upstream().says("HTTP/1.1 200 OK", "Content-Length: 200000", body=b"x" * 200_000)
    stage.passes(40)
    caller.reads_on()
    caller.takes()
    for _ in range(2):
        stage.upstream(2).says("HTTP/1.1 204 No Content")
    caller.hears_bytes(message("HTTP/1.1 204 No Content", UPSTREAM) * 2)


@scene()
def test_empty_lines_do_not_keep_a_connection(stage: Stage) -> None:
    """Empty lines before a request are ignored (RFC 9112 §2.2): they are no sign that a request is coming."""
    caller = stage.caller()
    for _ in range(7):
        stage.passes(10)
        caller.sends("\r\n")
    caller.sees_it_open()
    stage.passes(6)
    caller.sees_it_closed()


@scene()
def test_a_request_after_empty_lines_has_its_time(stage: Stage) -> None:
    """The time for a head begins with its first byte, wherever the empty lines before it were."""
    caller = stage.caller()
    stage.passes(20)
    caller.sends("\r\n")
    stage.passes(20)
    caller.sends("\r\nGET /api/a HTTP/1.1\r\n")
    stage.passes(20)
    caller.sends(f"{HOST}\r\n{KEYED}\r\n\r\n")
    stage.upstream().hears("GET /a HTTP/1.1", "Host: api.test", CREDENTIAL)


@scene()
def test_there_may_not_be_many_empty_lines(stage: Stage) -> None:
    """A few empty lines are a client's mistake; very many are work for nothing."""
    caller = stage.caller()
    caller.sends("\r\n" * 32)
    caller.hears_nothing()
    caller.sends("\r\n")
    caller.hears_problem(400, "malformed-request", closes=True)


def test_a_newcomer_takes_the_place_of_who_is_idle() -> None:
    """With no room left, a connection that does nothing is closed for the next one; one that is served never is."""
    with on_stage(plain(), limits=Limits(connections=2)) as stage:
        busy, idle = stage.caller(), stage.caller()
        busy.says(*ASK)
        stage.passes(QUIET_S)
        newcomer = stage.caller()
        idle.sees_it_closed()
        newcomer.says(*ASK)
        refused = stage.caller()
        refused.hears_problem(503, "overloaded", closes=True)
        refused.sees_it_closed()
        stage.upstream(1).says("HTTP/1.1 204 No Content")
        busy.hears("HTTP/1.1 204 No Content", UPSTREAM)
        stage.upstream(2).says("HTTP/1.1 204 No Content")
        newcomer.hears("HTTP/1.1 204 No Content", UPSTREAM)
        stage.passes(0.2)
        assert "EXEAT_MAX_CONNECTIONS" in stage.log
        assert [record["error"] for record in stage.records] == ["overloaded", None, None]


@scene()
def test_very_many_chunks_of_a_request(stage: Stage) -> None:
    """Tiny chunks are read a part at a time; all of them leave, and the request behind them is the next one."""
    caller = stage.caller()
    caller.says("POST /api/a HTTP/1.1", HOST, KEYED, CHUNKED, body=TINY + "0\r\n\r\n" + message(*ASK).decode())
    stage.passes(0.1)
    api = stage.upstream()
    assert api.takes().partition(b"\r\n\r\n")[2] == b"1388\r\n" + b"x" * 5000 + b"\r\n0\r\n\r\n"
    api.says("HTTP/1.1 204 No Content")
    api.hears("GET /a HTTP/1.1", "Host: api.test", CREDENTIAL)
    api.says("HTTP/1.1 204 No Content")
    caller.hears_bytes(message("HTTP/1.1 204 No Content", UPSTREAM) * 2)
    assert stage.records[0]["bytes_in"] == 5000


@pytest.mark.parametrize("with_head", [True, False])
@pytest.mark.parametrize("reads_late", [True, False])
def test_very_many_chunks_of_an_answer(with_head: bool, reads_late: bool) -> None:  # noqa: FBT001 - pytest's own
    """The same from the upstream, whether they come with the head or after it, and whether or not the caller reads."""
    with on_stage(plain()) as stage:
        caller = stage.caller()
        caller.says(*ASK)
        api = stage.upstream()
        tiny = TINY * 40 + "0\r\n\r\n"
        if reads_late:
            caller.stops_reading()
        if with_head:
            api.says("HTTP/1.1 200 OK", CHUNKED, body=tiny)
        else:
            api.says("HTTP/1.1 200 OK", CHUNKED)
            api.sends(tiny)
        stage.passes(0.5)
        if reads_late:
            assert stage.records == []
            caller.reads_on()
            stage.passes(0.5)
        assert caller.takes().endswith(b"\r\n0\r\n\r\n")
        assert stage.records[0]["bytes_out"] == 200_000
        caller.says(*ASK)
        api.says("HTTP/1.1 204 No Content")
        caller.hears("HTTP/1.1 204 No Content", UPSTREAM)
        assert stage.dialled == 1


@scene()
def test_an_upstream_that_leaves_within_very_many_chunks(stage: Stage) -> None:
    """An answer that breaks off is cut, though a part of what came of it wasn't read yet."""
    caller = stage.caller()
    caller.says(*ASK)
    stage.upstream().says("HTTP/1.1 200 OK", CHUNKED, body=TINY)
    stage.upstream().vanishes()
    stage.passes(0.1)
    caller.sees_it_closed()
    assert stage.records[-1]["error"] == "upstream-closed"


SMALL = Limits(line_bytes=300, head_bytes=1000, fields=12)


@pytest.mark.parametrize(
    ("lines", "status", "code"),
    [
        (["GET /api/" + "a" * 300 + " HTTP/1.1"], 414, "target-too-long"),
        ([ASK[0], *["X: y"] * 11], 431, "fields-too-large"),
        ([ASK[0], *["X: " + "y" * 200] * 5], 431, "fields-too-large"),
    ],
)
def test_a_head_that_is_larger_than_configured(lines: list[str], status: int, code: str) -> None:
    """The settings' limits hold for requests."""
    with on_stage(plain(), limits=SMALL) as stage:
        caller = stage.caller()
        caller.says(*lines, HOST, KEYED)
        caller.hears_problem(status, code, closes=True)


@pytest.mark.parametrize("fields", [["X: y"] * 13, ["X: " + "y" * 200] * 5])
def test_an_answers_head_that_is_larger_than_configured(fields: list[str]) -> None:
    """The settings' limits hold for answers too."""
    with on_stage(plain(), limits=SMALL) as stage:
        caller = stage.caller()
        caller.says(*ASK)
        stage.upstream().says("HTTP/1.1 200 OK", *fields, "Content-Length: 0")
        caller.hears_problem(502, "upstream-malformed")


def test_an_envelope_that_is_larger_than_configured() -> None:
    """An envelope is bounded, and so are the answers to its calls, all together."""
    with on_stage(plain(), limits=Limits(buffer_bytes=3000)) as stage:
        caller = stage.caller()
        caller.says("POST /-/call HTTP/1.1", HOST, KEYED, "Content-Length: 3001")
        caller.hears_problem(413, "body-too-large")
        other = stage.caller()
        calls = json.dumps([{"upstream": "api", "path": "/a"}, {"upstream": "api", "path": "/b"}])
        other.says("POST /-/call HTTP/1.1", HOST, KEYED, f"Content-Length: {len(calls)}", body=calls)
        for number in (1, 2):
            stage.upstream(number).says("HTTP/1.1 200 OK", "Content-Length: 2000", body="x" * 2000)
        answers = json.loads(other.takes().partition(b"\r\n\r\n")[2])
        assert [answer["ok"] for answer in answers] == [True, False]
        assert answers[1]["problem"]["code"] == "body-too-large"
        assert [record["error"] for record in stage.records] == ["body-too-large", None, "body-too-large"]


def test_an_envelope_that_drips() -> None:
    """A body that is needed whole has five minutes, however regularly a byte of it comes."""
    with on_stage(plain()) as stage:
        caller = stage.caller()
        caller.says("POST /-/call HTTP/1.1", HOST, KEYED, "Content-Length: 3001")
        for _ in range(6):
            stage.passes(50)
            caller.sends(" ")
        stage.passes(1)
        caller.hears_problem(504, "deadline-exceeded")
