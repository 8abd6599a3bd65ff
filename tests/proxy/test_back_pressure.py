"""Conversations with somebody who reads slowly: the other side waits, and memory stays bounded."""

from tests.support.playbook import CHUNKED, CREDENTIAL, KEYED, UPSTREAM, Party, Stage, message, scene

HOST = "Host: gateway.test"
PIECE = b"x" * 60_000
BOUND = 400_000


def ask(stage: Stage, *lines: str) -> tuple[Party, Party]:
    """Send a request; the caller and the upstream."""
    caller = stage.caller()
    caller.says("GET /api/ HTTP/1.1", HOST, KEYED, *lines)
    api = stage.upstream()
    api.takes()
    return caller, api


def pour(source: Party, pieces: int) -> int:
    """Send pieces until the gateway holds back or all are sent; how many were sent."""
    for number in range(pieces):
        if source.is_held_back():
            return number
        source.sends(PIECE)
    return pieces


@scene()
def test_a_caller_that_reads_slowly(stage: Stage) -> None:
    """A caller that stops reading stops its upstream; when it reads on, so does the gateway, and nothing is lost."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", f"Content-Length: {len(PIECE) * 50}")
    caller.stops_reading()
    sent = pour(api, 50)
    assert sent * len(PIECE) < BOUND
    stage.passes(10)
    assert api.is_held_back()
    while sent < 50:
        caller.reads_on()
        assert not api.is_held_back()
        caller.stops_reading()
        sent += pour(api, 50 - sent)
    caller.reads_on()
    heard = caller.takes()
    assert heard.endswith(PIECE)
    assert len(heard) == len(PIECE) * 50 + heard.index(b"\r\n\r\n") + 4
    caller.sees_it_open()


@scene()
def test_an_answer_whose_beginning_fills_the_buffer(stage: Stage) -> None:
    """An upstream is held back too where what came with the head is more than the caller takes."""
    caller, api = ask(stage)
    caller.stops_reading()
    api.says("HTTP/1.1 200 OK", CHUNKED, body=b"30d40\r\n" + b"x" * 200_000 + b"\r\n1\r\n")
    assert api.is_held_back()
    caller.reads_on()
    assert not api.is_held_back()
    api.sends("y\r\n0\r\n\r\n")
    assert caller.takes().endswith(b"xxy\r\n0\r\n\r\n")


@scene()
def test_an_upstream_that_reads_slowly(stage: Stage) -> None:
    """An upstream that stops reading stops its caller, whose body is complete in the end."""
    caller = stage.caller()
    caller.says("POST /api/ HTTP/1.1", HOST, KEYED, f"Content-Length: {len(PIECE) * 50}")
    api = stage.upstream()
    api.hears("POST / HTTP/1.1", "Host: api.test", f"Content-Length: {len(PIECE) * 50}", CREDENTIAL)
    api.stops_reading()
    sent = pour(caller, 50)
    assert sent * len(PIECE) < BOUND
    while sent < 50:
        api.reads_on()
        assert not caller.is_held_back()
        api.stops_reading()
        sent += pour(caller, 50 - sent)
    api.reads_on()
    assert api.takes() == PIECE * 50
    api.says("HTTP/1.1 200 OK", "Content-Length: 0")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 0", UPSTREAM)


@scene()
def test_a_body_before_there_is_a_connection(stage: Stage) -> None:
    """While the gateway has no upstream yet, it takes only so much of a body."""
    stage.loop.network.silent.add("93.184.216.34")
    caller = stage.caller()
    caller.says("POST /api/ HTTP/1.1", HOST, KEYED, "Content-Length: 10000000")
    assert pour(caller, 100) * len(PIECE) < BOUND
    stage.passes(20)
    caller.hears_problem(504, "connect-timeout", closes=True)


@scene()
def test_a_long_pipeline_behind_a_slow_request(stage: Stage) -> None:
    """Requests that wait for the one before them fill a bounded buffer, and are all served in the end."""
    caller, api = ask(stage)
    following = message("GET /-/live HTTP/1.1", HOST, "X-Long: " + "x" * 900)
    for _ in range(400):
        if caller.is_held_back():
            break
        caller.sends(following)
    assert caller.is_held_back()
    api.says("HTTP/1.1 200 OK", "Content-Length: 1", body="a")
    assert not caller.is_held_back()
    assert caller.takes().count(b"live\n") > 50


@scene()
def test_a_caller_that_reads_none_of_its_answers(stage: Stage) -> None:
    """A caller that sends request after request and reads nothing is served no more of them until it reads."""
    caller = stage.caller()
    caller.stops_reading()
    for _ in range(40):
        caller.sends(message("GET /-/ HTTP/1.1", HOST) * 20)
    assert len(stage.records) < 300
    caller.reads_on()
    stage.passes(0.1)
    assert len(stage.records) == 800
    assert caller.takes().count(b"HTTP/1.1 200 OK") == 800


@scene()
def test_a_slow_reader_of_an_answer_that_breaks_off(stage: Stage) -> None:
    """An answer that breaks off while its caller doesn't read drops the connection: nothing waits for ever."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", f"Content-Length: {len(PIECE) * 50}")
    caller.stops_reading()
    pour(api, 50)
    api.vanishes()
    caller.sees_it_dropped()
