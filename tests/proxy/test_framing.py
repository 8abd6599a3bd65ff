"""Conversations about where an answer ends: each framing of an upstream, for each kind of caller."""

from tests.support.playbook import (
    CHUNKED,
    CREDENTIAL,
    GATEWAY,
    KEYED,
    UPSTREAM,
    Party,
    Stage,
    chunks,
    conversation,
    message,
)

HOST = "Host: gateway.test"


def ask(stage: Stage, *lines: str, method: str = "GET", version: str = "HTTP/1.1") -> tuple[Party, Party]:
    """Send a request; the caller and the upstream."""
    caller = stage.caller()
    caller.says(f"{method} /api/ {version}", HOST, KEYED, *lines)
    api = stage.upstream()
    api.takes()
    return caller, api


def ask_again(caller: Party, api: Party) -> None:
    """The same connections serve another request, so nothing was left over."""
    caller.says("GET /api/next HTTP/1.1", HOST, KEYED)
    api.hears("GET /next HTTP/1.1", "Host: api.test", CREDENTIAL)
    api.says("HTTP/1.1 200 OK", "Content-Length: 4", body="next")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 4", UPSTREAM, body="next")


@conversation()
def test_a_head_request_has_no_body(stage: Stage) -> None:
    """The answer to HEAD ends with its head, whatever length it declares (RFC 9112 §6.3 case 1)."""
    caller, api = ask(stage, method="HEAD")
    api.says("HTTP/1.1 200 OK", "Content-Length: 500")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 500", UPSTREAM)
    ask_again(caller, api)


@conversation()
def test_a_head_request_to_a_chunking_upstream(stage: Stage) -> None:
    """The answer to HEAD has no body either where it says that a GET's would be chunked."""
    caller, api = ask(stage, method="HEAD")
    api.says("HTTP/1.1 200 OK", CHUNKED)
    caller.hears("HTTP/1.1 200 OK", UPSTREAM)
    ask_again(caller, api)


@conversation()
def test_no_content(stage: Stage) -> None:
    """204 has neither body nor Content-Length (RFC 9110 §8.6)."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 204 No Content", "Content-Length: 0")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)
    ask_again(caller, api)


@conversation()
def test_not_modified(stage: Stage) -> None:
    """304 has no body; the length it declares is that of the representation (RFC 9110 §15.4.5)."""
    caller, api = ask(stage, 'If-None-Match: "1"')
    api.says("HTTP/1.1 304 Not Modified", "Content-Length: 1234", 'ETag: "1"')
    caller.hears("HTTP/1.1 304 Not Modified", 'ETag: "1"', "Content-Length: 1234", UPSTREAM)
    ask_again(caller, api)


@conversation()
def test_an_empty_body(stage: Stage) -> None:
    """A length of nought is passed on."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", "Content-Length: 0")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 0", UPSTREAM)
    ask_again(caller, api)


@conversation()
def test_a_chunked_answer(stage: Stage) -> None:
    """A chunked body stays chunked, and both connections go on after it; chunk extensions end here."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", CHUNKED, body='5;a="b"\r\nhello\r\n6\r\n world\r\n0\r\n\r\n')
    caller.hears("HTTP/1.1 200 OK", CHUNKED, UPSTREAM, body=chunks("hello world"))
    ask_again(caller, api)


@conversation()
def test_trailers_for_who_asked(stage: Stage) -> None:
    """Trailers reach a caller that said `TE: trailers`; those that may not be trailers don't (RFC 9110 §6.5)."""
    caller = stage.caller()
    caller.says("GET /api/ HTTP/1.1", HOST, KEYED, "TE: trailers")
    api = stage.upstream()
    api.hears("GET / HTTP/1.1", "Host: api.test", "TE: trailers", "Connection: TE", CREDENTIAL)
    api.says(
        "HTTP/1.1 200 OK",
        CHUNKED,
        "Trailer: X-Sum",
        body=chunks("hello", trailers=("X-Sum: 5", "Content-Length: 1", "Set-Cookie: a=b", "Exeat-Origin: me")),
    )
    caller.hears("HTTP/1.1 200 OK", "Trailer: X-Sum", CHUNKED, UPSTREAM, body=chunks("hello", trailers=("X-Sum: 5",)))
    ask_again(caller, api)


@conversation()
def test_no_trailers_for_others(stage: Stage) -> None:
    """A caller that didn't ask for trailers gets none."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", CHUNKED, body=chunks("hello", trailers=("X-Sum: 5",)))
    caller.hears("HTTP/1.1 200 OK", CHUNKED, UPSTREAM, body=chunks("hello"))
    ask_again(caller, api)


@conversation()
def test_a_body_that_ends_with_its_connection(stage: Stage) -> None:
    """A body without framing is chunked for the caller, whose connection goes on."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", "Content-Type: text/plain", body="to the end")
    api.finishes()
    caller.hears("HTTP/1.1 200 OK", "Content-Type: text/plain", CHUNKED, UPSTREAM, body=chunks("to the end"))
    caller.sees_it_open()


@conversation()
def test_an_upstream_of_http_1_0(stage: Stage) -> None:
    """An answer of HTTP/1.0 is passed on as HTTP/1.1, and its connection isn't used again."""
    caller, api = ask(stage)
    api.says("HTTP/1.0 200 OK", "Content-Length: 2", "Connection: keep-alive", body="ok")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 2", UPSTREAM, body="ok")
    api.sees_it_dropped()


@conversation()
def test_a_chunked_answer_for_http_1_0(stage: Stage) -> None:
    """A caller of HTTP/1.0 gets a chunked body bare, and the end of the connection as its end (RFC 9112 §6.1)."""
    caller, api = ask(stage, version="HTTP/1.0")
    api.says("HTTP/1.1 200 OK", CHUNKED, body=chunks("hello", " world"))
    caller.hears("HTTP/1.1 200 OK", "Connection: close", UPSTREAM, body="hello world")
    caller.sees_it_closed()


@conversation()
def test_hop_by_hop_fields_of_an_answer(stage: Stage) -> None:
    """Fields of the upstream's connection, and those that it nominates, end here (RFC 9110 §7.6.1)."""
    caller, api = ask(stage)
    api.says(
        "HTTP/1.1 200 OK",
        "Connection: X-Hop, keep-alive",
        "Keep-Alive: timeout=5",
        "X-Hop: 1",
        "Upgrade: h2c",
        "Proxy-Authenticate: Basic",
        "X-Kept: 1",
        "Content-Length: 2",
        body="ok",
    )
    caller.hears("HTTP/1.1 200 OK", "X-Kept: 1", "Content-Length: 2", UPSTREAM, body="ok")
    ask_again(caller, api)


@conversation()
def test_the_gateways_marks_are_its_own(stage: Stage) -> None:
    """An upstream can't pretend to be the gateway: its Exeat fields are dropped."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", "Exeat-Origin: gateway", "exeat_error: internal", "Content-Length: 2", body="ok")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 2", UPSTREAM, body="ok")


@conversation()
def test_bytes_after_the_answer(stage: Stage) -> None:
    """What follows a complete answer is nobody's: that connection is dropped, never used again (RFC 9112 §9.2)."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 200 OK", "Content-Length: 2", body="okHTTP/1.1 200 OK\r\n\r\n")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 2", UPSTREAM, body="ok")
    api.sees_it_dropped()
    caller.says("GET /api/next HTTP/1.1", HOST, KEYED)
    stage.upstream(2).hears("GET /next HTTP/1.1", "Host: api.test", CREDENTIAL)


@conversation()
def test_bytes_on_an_idle_connection(stage: Stage) -> None:
    """Bytes that nobody asked for end an idle connection."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)
    api.says("HTTP/1.1 408 Request Timeout", "Content-Length: 0")
    api.sees_it_dropped()
    caller.hears_nothing()


@conversation()
def test_the_gateways_own_answer_to_head(stage: Stage) -> None:
    """The gateway's own answers to HEAD have the length of the body and no body."""
    caller = stage.caller()
    caller.says("HEAD /-/live HTTP/1.1", HOST)
    caller.hears(
        "HTTP/1.1 200 OK",
        "Content-Type: text/plain; charset=utf-8",
        "Cache-Control: no-store",
        "Content-Length: 5",
        GATEWAY,
    )


@conversation()
def test_every_answer_is_dated_and_identified(stage: Stage) -> None:
    """An answer carries one identifier, in the record too, and one Date: the upstream's own if it has one."""
    for sent, dates in ((("Date: Sun, 06 Nov 1994 08:49:37 GMT",), 1), ((), 0)):
        caller = stage.caller()
        caller.says("GET /api/ HTTP/1.1", HOST, KEYED)
        api = stage.upstream()
        api.takes()
        api.says("HTTP/1.1 204 No Content", *sent)
        raw = caller.takes_raw()
        assert raw.count(b"Date: ") == 1
        assert raw.count(b"Nov 1994") == dates
        assert raw.count(b"Exeat-Request-Id: ") == 1
        assert f"Exeat-Request-Id: {stage.records[-1]['id']}\r\n".encode() in raw


@conversation()
def test_a_whole_answer_and_the_end(stage: Stage) -> None:
    """An upstream that closes right after a framed answer has answered completely."""
    caller, api = ask(stage)
    api.sends(message("HTTP/1.1 200 OK", "Content-Length: 2", body="ok"))
    api.finishes()
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 2", UPSTREAM, body="ok")
    caller.sees_it_open()
    assert stage.records[-1].get("error") is None
