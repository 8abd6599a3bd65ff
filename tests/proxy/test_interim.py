"""Conversations about what comes before an answer: 1xx responses and `Expect: 100-continue`."""

from tests.support.playbook import CREDENTIAL, KEYED, UPSTREAM, Party, Stage, conversation, message

HOST = "Host: gateway.test"
EXPECTING = ("POST /api/ HTTP/1.1", HOST, KEYED, "Expect: 100-continue", "Content-Length: 4")
LEFT = ("POST / HTTP/1.1", "Host: api.test", "Content-Length: 4", "Expect: 100-continue", CREDENTIAL)


def ask(stage: Stage, *lines: str, version: str = "HTTP/1.1") -> tuple[Party, Party]:
    """Send a request; the caller and the upstream."""
    caller = stage.caller()
    caller.says(f"GET /api/ {version}", HOST, KEYED, *lines)
    api = stage.upstream()
    api.takes()
    return caller, api


@conversation()
def test_interim_answers_are_passed_on(stage: Stage) -> None:
    """1xx responses reach the caller at once, before the final answer (RFC 9110 §15.2)."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 103 Early Hints", "Link: </style.css>; rel=preload")
    caller.hears("HTTP/1.1 103 Early Hints", "Link: </style.css>; rel=preload")
    api.says("HTTP/1.1 102 Processing")
    caller.hears("HTTP/1.1 102 Processing")
    api.says("HTTP/1.1 200 OK", "Content-Length: 2", body="ok")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 2", UPSTREAM, body="ok")


@conversation()
def test_interim_answers_and_the_final_one_at_once(stage: Stage) -> None:
    """Interim and final answers that arrive together are taken apart."""
    caller, api = ask(stage)
    api.sends(message("HTTP/1.1 103 Early Hints", "X-A: 1") + message("HTTP/1.1 204 No Content"))
    caller.hears_bytes(message("HTTP/1.1 103 Early Hints", "X-A: 1") + message("HTTP/1.1 204 No Content", UPSTREAM))


@conversation()
def test_the_oldest_callers_know_no_interim_answers(stage: Stage) -> None:
    """A caller of HTTP/1.0 gets no 1xx."""
    caller, api = ask(stage, version="HTTP/1.0")
    api.says("HTTP/1.1 103 Early Hints", "X-A: 1")
    caller.hears_nothing()
    api.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", "Connection: close", UPSTREAM)


@conversation()
def test_a_100_that_nobody_waits_for(stage: Stage) -> None:
    """100 isn't passed on to a caller that didn't ask for it."""
    caller, api = ask(stage)
    api.says("HTTP/1.1 100 Continue")
    caller.hears_nothing()
    api.says("HTTP/1.1 204 No Content")
    caller.hears("HTTP/1.1 204 No Content", UPSTREAM)


@conversation()
def test_an_upgrade_that_nobody_asked_for(stage: Stage) -> None:
    """101 without a request for it is no answer (RFC 9110 §7.8)."""
    caller, api = ask(stage, "Connection: upgrade", "Upgrade: websocket")
    api.says("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: upgrade")
    caller.hears_problem(502, "upstream-malformed")
    api.sees_it_dropped()


@conversation()
def test_interim_answers_without_end(stage: Stage) -> None:
    """An upstream that sends nothing but interim answers is given up."""
    caller, api = ask(stage)
    api.sends(message("HTTP/1.1 102 Processing") * 33)
    assert caller.takes().startswith(message("HTTP/1.1 102 Processing") * 32 + b"HTTP/1.1 502 ")
    api.sees_it_dropped()


@conversation()
def test_the_upstream_says_to_go_on(stage: Stage) -> None:
    """The expectation goes to the upstream, its 100 to the caller, and then the body (RFC 9110 §10.1.1)."""
    caller = stage.caller()
    caller.says(*EXPECTING)
    api = stage.upstream()
    api.hears(*LEFT)
    caller.hears_nothing()
    api.says("HTTP/1.1 100 Continue", "X-Odd: 1")
    caller.hears("HTTP/1.1 100 Continue")
    caller.sends("data")
    api.hears_bytes("data")
    api.says("HTTP/1.1 201 Created", "Content-Length: 0")
    caller.hears("HTTP/1.1 201 Created", "Content-Length: 0", UPSTREAM)
    caller.sees_it_open()


@conversation()
def test_the_upstream_says_nothing(stage: Stage) -> None:
    """A caller that waits for 100 gets it from the gateway after a second, for some upstreams never send it."""
    caller = stage.caller()
    caller.says(*EXPECTING)
    stage.passes(0.8)
    caller.hears_nothing()
    stage.passes(0.6)
    caller.hears("HTTP/1.1 100 Continue")
    api = stage.upstream()
    api.hears(*LEFT)
    api.says("HTTP/1.1 100 Continue")
    caller.hears_nothing()
    caller.sends("data")
    api.hears_bytes("data")
    api.says("HTTP/1.1 201 Created", "Content-Length: 0")
    caller.hears("HTTP/1.1 201 Created", "Content-Length: 0", UPSTREAM)


@conversation()
def test_a_caller_that_does_not_wait(stage: Stage) -> None:
    """A body that comes without waiting for 100 is passed on as it comes."""
    caller = stage.caller()
    caller.says(*EXPECTING, body="data")
    api = stage.upstream()
    api.hears(*LEFT, body="data")
    api.says("HTTP/1.1 201 Created", "Content-Length: 0")
    caller.hears("HTTP/1.1 201 Created", "Content-Length: 0", UPSTREAM)
    caller.sees_it_open()


@conversation()
def test_the_upstream_refuses_before_the_body(stage: Stage) -> None:
    """A final answer in place of 100 ends both connections: the body may come or not (RFC 9110 §10.1.1)."""
    caller = stage.caller()
    caller.says(*EXPECTING)
    api = stage.upstream()
    api.hears(*LEFT)
    api.says("HTTP/1.1 417 Expectation Failed", "Content-Length: 0")
    caller.hears("HTTP/1.1 417 Expectation Failed", "Content-Length: 0", "Connection: close", UPSTREAM)
    caller.sees_it_closed()
    api.sees_it_dropped()


@conversation()
def test_the_gateway_refuses_before_the_body(stage: Stage) -> None:
    """The gateway's own refusal in place of 100 ends the connection too: what follows may be the body or a request."""
    caller = stage.caller()
    caller.says("POST /api/ HTTP/1.1", HOST, "Expect: 100-continue", "Content-Length: 30")
    caller.hears_problem(401, "key-missing", closes=True)
    caller.sees_it_closed()
    assert stage.dialled == 0


@conversation()
def test_an_expectation_without_a_body(stage: Stage) -> None:
    """Without a body there is nothing to wait with: the expectation is dropped."""
    _, api = ask(stage)
    api.says("HTTP/1.1 204 No Content")
    caller = stage.caller()
    caller.says("GET /api/x HTTP/1.1", HOST, KEYED, "Expect: 100-continue")
    api.hears("GET /x HTTP/1.1", "Host: api.test", CREDENTIAL)
