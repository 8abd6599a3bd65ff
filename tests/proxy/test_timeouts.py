"""Conversations in which time passes: every phase ends, however quiet the other side is."""

import pytest

from exeat.model.limits import DEFAULT
from exeat.model.retries import Retries
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Timeouts
from tests.support.playbook import CHUNKED, KEYED, UPSTREAM, Party, Stage, conversation, message, on_stage, scene
from tests.support.values import snapshot, upstream

HOST = "Host: gateway.test"
QUICK = Timeouts(dns_s=2, connect_s=3, tls_s=0.5, response_s=4, idle_s=5, total_s=20)
OWN_TOTAL = Timeouts(total_s=20, total_is_default=False)
NO_TOTAL = Timeouts(total_s=None, total_is_default=False)


def with_timeouts(timeouts: Timeouts, *urls: str) -> Snapshot:
    """One upstream with these."""
    return snapshot(upstream("api", *(urls or ("http://api.test",)), timeouts=timeouts))


def quick() -> Snapshot:
    """One upstream with short and different timeouts, where calls are tried once."""
    return snapshot(upstream("api", "http://api.test", timeouts=QUICK, retries=Retries(limit=0)))


def ask(stage: Stage, *lines: str) -> tuple[Party, Party]:
    """Send a request; the caller and the upstream."""
    caller = stage.caller()
    caller.says("GET /api/ HTTP/1.1", HOST, KEYED, *lines)
    api = stage.upstream()
    api.takes()
    return caller, api


@scene(quick)
def test_connecting_takes_too_long(stage: Stage) -> None:
    """A connection that doesn't come about within timeout.connect is `connect-timeout`."""
    stage.loop.network.silent.add("93.184.216.34")
    caller = stage.caller()
    caller.says("GET /api/ HTTP/1.1", HOST, KEYED)
    stage.passes(2.9)
    caller.hears_nothing()
    stage.passes(0.2)
    caller.hears_problem(504, "connect-timeout")
    caller.sees_it_open()


@scene(quick)
def test_no_connection_becomes_free(stage: Stage) -> None:
    """When the bound on connections is what a request waits for, it is told that the upstream is busy."""
    busy = [stage.caller() for _ in range(DEFAULT.upstream_connections)]
    for caller in busy:
        caller.says("GET /api/ HTTP/1.1", HOST, KEYED)
    for number in range(DEFAULT.upstream_connections):
        stage.upstream(number + 1).says("HTTP/1.1 200 OK", CHUNKED)
    late = stage.caller()
    late.says("GET /api/ HTTP/1.1", HOST, KEYED)
    for _ in range(7):
        stage.passes(1)
        for number in range(DEFAULT.upstream_connections):
            stage.upstream(number + 1).sends("1\r\nx\r\n")
    assert late.hears_problem(503, "overloaded")["retry_after"] == 1
    assert stage.dialled == DEFAULT.upstream_connections


@scene(quick)
def test_a_connection_that_becomes_free(stage: Stage) -> None:
    """Who waits for a connection gets the one that another request gives back, first come first served."""
    busy = [stage.caller() for _ in range(DEFAULT.upstream_connections)]
    for caller in busy:
        caller.says("GET /api/ HTTP/1.1", HOST, KEYED)
    first, second = stage.caller(), stage.caller()
    first.says("GET /api/first HTTP/1.1", HOST, KEYED)
    second.says("GET /api/second HTTP/1.1", HOST, KEYED)
    api = stage.upstream(7)
    api.takes()
    for path in ("first", "second"):
        api.says("HTTP/1.1 204 No Content")
        assert api.takes().startswith(f"GET /{path} HTTP/1.1\r\n".encode())
    assert stage.dialled == DEFAULT.upstream_connections


@conversation(quick)
def test_the_answer_takes_too_long(stage: Stage) -> None:
    """A head that doesn't come within timeout.response is `response-timeout`, and the connection isn't used again."""
    caller, api = ask(stage)
    stage.passes(3.9)
    caller.hears_nothing()
    stage.passes(0.3)
    caller.hears_problem(504, "response-timeout")
    api.sees_it_dropped()
    caller.sees_it_open()


@scene(quick)
def test_a_head_that_drips(stage: Stage) -> None:
    """A head that comes byte by byte has no more time than another."""
    caller, api = ask(stage)
    for byte in "HTTP/1.1 200 OK":
        api.sends(byte)
        stage.passes(0.35)
    caller.hears_problem(504, "response-timeout")


@scene(quick)
def test_the_upload_counts_while_the_answer_is_waited_for(stage: Stage) -> None:
    """While the caller still sends its body, the upstream has nothing to answer: its time begins with the last byte."""
    caller = stage.caller()
    caller.says("POST /api/ HTTP/1.1", HOST, KEYED, "Content-Length: 10")
    for _ in range(10):
        stage.passes(1.5)
        caller.sends("x")
    caller.hears_nothing()
    api = stage.upstream()
    api.says("HTTP/1.1 200 OK", "Content-Length: 0")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 0", UPSTREAM)


@scene(quick)
def test_the_body_stops(stage: Stage) -> None:
    """A body of the answer that doesn't move for timeout.idle breaks off."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", "Content-Length: 10", body="st")
    for _ in range(3):
        stage.passes(4.5)
        api.sends("x")
    caller.sees_it_open()
    stage.passes(5.2)
    caller.sees_it_closed()
    assert stage.records[-1]["error"] == "idle-timeout"


@scene(quick)
def test_the_whole_takes_too_long(stage: Stage) -> None:
    """An exchange ends after timeout.total, though everything moves."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", CHUNKED)
    for _ in range(22):
        if stage.records:
            break
        stage.passes(1)
        api.sends("1\r\nx\r\n")
    caller.sees_it_closed()
    assert stage.records[-1]["error"] == "deadline-exceeded"


@scene(lambda: with_timeouts(Timeouts(total_s=20)))
def test_streams_outlive_the_default_total(stage: Stage) -> None:
    """A stream of events lasts as long as somebody listens, where nobody chose a total."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", "Content-Type: text/event-stream; charset=utf-8", CHUNKED)
    for _ in range(50):
        stage.passes(10)
        api.sends("9\r\ndata: 1\n\n\r\n")
    caller.sees_it_open()
    api.sends("0\r\n\r\n")
    assert stage.records[-1]["error"] is None


@scene(lambda: with_timeouts(OWN_TOTAL))
def test_a_total_that_somebody_chose_ends_streams(stage: Stage) -> None:
    """A chosen total ends streams too, and they say why."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", "Content-Type: text/event-stream", CHUNKED, body="9\r\ndata: 1\n\n\r\n")
    stage.passes(20.5)
    assert b'"code":"deadline-exceeded"' in caller.takes()
    caller.sees_it_closed()


@scene(lambda: with_timeouts(Timeouts(total_s=20)))
def test_large_bodies_outlive_the_default_total(stage: Stage) -> None:
    """A download of more than a few bytes isn't cut by a total that nobody chose."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", "Content-Length: 8000000")
    for _ in range(40):
        stage.passes(2)
        api.sends(b"x" * 200_000)
        caller.takes()
    assert stage.records[-1]["error"] is None


@scene(lambda: with_timeouts(NO_TOTAL))
def test_the_callers_own_deadline(stage: Stage) -> None:
    """Exeat-Timeout ends the call after so many seconds, whatever the upstream's total is."""
    caller = stage.caller()
    caller.says("GET /api/ HTTP/1.1", HOST, KEYED, "Exeat-Timeout: 2.5")
    stage.passes(2.4)
    caller.hears_nothing()
    stage.passes(0.3)
    caller.hears_problem(504, "deadline-exceeded")


@scene(quick)
def test_the_callers_deadline_can_only_shorten(stage: Stage) -> None:
    """A longer Exeat-Timeout changes nothing."""
    _, api = ask(stage, "Exeat-Timeout: 1000")
    api.says("HTTP/1.1 200 OK", CHUNKED)
    for _ in range(21):
        stage.passes(1)
        api.sends("1\r\nx\r\n")
    assert stage.records[-1]["error"] == "deadline-exceeded"


@pytest.mark.parametrize("wanted", ["0", "-1", "1e3", "soon", "1 s", "0.0", "1234567", ""])
def test_a_deadline_that_is_no_number(wanted: str) -> None:
    """An Exeat-Timeout that isn't a number of seconds above nought is refused before anything is sent."""
    with on_stage(quick()) as stage:
        caller = stage.caller()
        caller.says("GET /api/ HTTP/1.1", HOST, KEYED, f"Exeat-Timeout: {wanted}")
        caller.hears_problem(400, "malformed-request")
        assert stage.dialled == 0


@scene()
def test_a_head_that_does_not_come(stage: Stage) -> None:
    """A head that isn't complete after 30 seconds is answered 408, however often a byte of it comes."""
    caller = stage.caller()
    for _ in range(6):
        caller.sends("G")
        stage.passes(5.05)
    caller.hears_problem(408, "client-timeout", closes=True)
    caller.sees_it_closed()


@conversation()
def test_a_body_that_does_not_come(stage: Stage) -> None:
    """A body that stops arriving for a minute is answered 408, and the upstream never sees it complete."""
    caller = stage.caller()
    caller.says("POST /api/ HTTP/1.1", HOST, KEYED, "Content-Length: 10", body="half")
    api = stage.upstream()
    api.takes()
    stage.passes(59.5)
    caller.hears_nothing()
    stage.passes(1)
    caller.hears_problem(408, "client-timeout", closes=True)
    api.sees_it_dropped()


@conversation()
def test_the_next_request_does_not_come(stage: Stage) -> None:
    """An idle connection of a caller is closed after 75 seconds, without a word."""
    caller = stage.caller()
    caller.sends(message("GET /-/live HTTP/1.1", HOST))
    caller.takes()
    stage.passes(74)
    caller.sees_it_open()
    stage.passes(2)
    caller.sees_it_closed()
    caller.hears_nothing()


@conversation()
def test_a_kept_connection_is_not_kept_for_ever(stage: Stage) -> None:
    """An upstream's connection that serves nothing for 30 seconds is closed."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)
    stage.passes(29)
    api.sees_it_open()
    stage.passes(2)
    api.sees_it_dropped()


@scene(lambda: with_timeouts(Timeouts(idle_s=5)))
def test_a_slow_reader_is_no_idle_upstream(stage: Stage) -> None:
    """A caller that doesn't read for timeout.idle breaks the answer off: nothing moves, so nothing is kept."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", "Content-Length: 1000000")
    caller.stops_reading()
    while not api.is_held_back():
        api.sends(b"x" * 50_000)
    stage.passes(6)
    api.sees_it_dropped()
    assert stage.records[-1]["error"] == "idle-timeout"
    caller.sees_it_dropped()
