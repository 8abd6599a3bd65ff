"""Conversations about connections that are kept: one request after another, and several sent at once."""

from tests.support.playbook import CREDENTIAL, KEYED, UPSTREAM, Stage, conversation, message, scene

GET_A = message("GET /api/a HTTP/1.1", "Host: gateway.test", KEYED)
GET_B = message("GET /api/b HTTP/1.1", "Host: gateway.test", KEYED)
POST_C = message("POST /api/c HTTP/1.1", "Host: gateway.test", KEYED, "Content-Length: 4", body="data")
A_LEFT = ("GET /a HTTP/1.1", "Host: api.test", CREDENTIAL)
B_LEFT = ("GET /b HTTP/1.1", "Host: api.test", CREDENTIAL)


@conversation()
def test_a_request_and_its_answer(stage: Stage) -> None:
    """The caller's key stays here, the credential goes upstream, and the answer comes back as it was sent."""
    caller = stage.caller()
    caller.says("GET /api/items?a=1 HTTP/1.1", "Host: gateway.test", KEYED, "Accept: */*", "accept: text/x")
    api = stage.upstream()
    api.hears("GET /items?a=1 HTTP/1.1", "Host: api.test", "Accept: */*", "accept: text/x", CREDENTIAL)
    api.says("HTTP/1.1 200 Fine", "Content-Length: 5", "X-Odd: 1", "x-odd: 2", body="hello")
    caller.hears("HTTP/1.1 200 Fine", "X-Odd: 1", "x-odd: 2", "Content-Length: 5", UPSTREAM, body="hello")
    caller.sees_it_open()


@conversation()
def test_one_request_after_another(stage: Stage) -> None:
    """Two requests on one connection get their answers, over one connection to the upstream."""
    caller = stage.caller()
    caller.sends(GET_A)
    api = stage.upstream()
    api.hears(*A_LEFT)
    api.says("HTTP/1.1 200 OK", "Content-Length: 1", body="a")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 1", UPSTREAM, body="a")
    caller.sends(GET_B)
    api.hears(*B_LEFT)
    api.says("HTTP/1.1 404 Not Found", "Content-Length: 1", body="b")
    caller.hears("HTTP/1.1 404 Not Found", "Content-Length: 1", UPSTREAM, body="b")
    assert stage.dialled == 1
    assert [record["status"] for record in stage.records] == [200, 404]


@conversation()
def test_pipelined_requests_are_served_in_order(stage: Stage) -> None:
    """Requests sent at once are served one by one: the second leaves when the first is answered (RFC 9112 §9.3.2)."""
    caller = stage.caller()
    caller.sends(GET_A + POST_C + GET_B)
    api = stage.upstream()
    api.hears(*A_LEFT)
    api.says("HTTP/1.1 200 OK", "Content-Length: 1", body="a")
    api.hears("POST /c HTTP/1.1", "Host: api.test", "Content-Length: 4", CREDENTIAL, body="data")
    api.says("HTTP/1.1 201 Created", "Content-Length: 1", body="c")
    api.hears(*B_LEFT)
    caller.hears_bytes(
        message("HTTP/1.1 200 OK", "Content-Length: 1", UPSTREAM, body="a")
        + message("HTTP/1.1 201 Created", "Content-Length: 1", UPSTREAM, body="c")
    )
    api.says("HTTP/1.1 200 OK", "Content-Length: 1", body="b")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 1", UPSTREAM, body="b")


@conversation()
def test_pipelined_requests_that_the_gateway_answers(stage: Stage) -> None:
    """Requests that need no upstream are answered in order too, with the ones that do between them."""
    caller = stage.caller()
    live = message("GET /-/live HTTP/1.1", "Host: gateway.test")
    caller.sends(live + GET_A + live)
    answer = message(
        "HTTP/1.1 200 OK",
        "Content-Type: text/plain; charset=utf-8",
        "Cache-Control: no-store",
        "Content-Length: 5",
        "Exeat-Origin: gateway",
        body="live\n",
    )
    caller.hears_bytes(answer)
    stage.upstream().says("HTTP/1.1 200 OK", "Content-Length: 1", body="a")
    caller.hears_bytes(message("HTTP/1.1 200 OK", "Content-Length: 1", UPSTREAM, body="a") + answer)


@scene()
def test_a_long_pipeline_does_not_hold_up_others(stage: Stage) -> None:
    """Of many requests sent at once a few are answered per turn of the loop, and all of them in the end."""
    caller = stage.caller()
    caller.sends(message("GET /-/live HTTP/1.1", "Host: gateway.test") * 200)
    assert caller.takes().count(b"HTTP/1.1 200 OK\r\n") == 200
    caller.sees_it_open()


@conversation()
def test_empty_lines_before_a_request(stage: Stage) -> None:
    """Empty lines before a request are ignored, however they arrive (RFC 9112 §2.2)."""
    caller = stage.caller()
    caller.sends(b"\r\n\r\n" + GET_A)
    stage.upstream().hears(*A_LEFT)


@conversation()
def test_the_caller_asks_to_close(stage: Stage) -> None:
    """After `Connection: close` the answer says the same, and what follows is no request (RFC 9112 §9.6)."""
    caller = stage.caller()
    caller.sends(message("GET /api/a HTTP/1.1", "Host: gateway.test", KEYED, "Connection: close") + GET_B)
    api = stage.upstream()
    api.hears(*A_LEFT)
    api.says("HTTP/1.1 200 OK", "Content-Length: 1", body="a")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 1", "Connection: close", UPSTREAM, body="a")
    caller.sees_it_closed()
    api.hears_nothing()
    stage.passes(5)
    assert [record["path"] for record in stage.records] == ["/a"]


@conversation()
def test_the_oldest_callers(stage: Stage) -> None:
    """A request of HTTP/1.0 is served and its connection closed, whatever it asks (RFC 9112 §9.3, §C.2.2)."""
    caller = stage.caller()
    caller.says("GET /api/a HTTP/1.0", KEYED, "Connection: keep-alive")
    api = stage.upstream()
    api.hears(*A_LEFT)
    api.says("HTTP/1.1 200 OK", "Content-Length: 1", body="a")
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 1", "Connection: close", UPSTREAM, body="a")
    caller.sees_it_closed()


@conversation()
def test_the_upstream_asks_to_close(stage: Stage) -> None:
    """An upstream that closes costs its own connection, not the caller's."""
    caller = stage.caller()
    caller.sends(GET_A)
    api = stage.upstream()
    api.says("HTTP/1.1 200 OK", "Content-Length: 1", "Connection: close", body="a")
    api.sees_it_dropped()
    caller.hears("HTTP/1.1 200 OK", "Content-Length: 1", UPSTREAM, body="a")
    caller.sees_it_open()
    caller.sends(GET_B)
    stage.upstream(2).hears(*B_LEFT)


@conversation()
def test_two_callers_share_a_kept_connection_one_at_a_time(stage: Stage) -> None:
    """While one exchange has a connection another one gets its own; afterwards the one used last serves again."""
    first, second = stage.caller(), stage.caller()
    first.sends(GET_A)
    second.sends(GET_B)
    one, other = stage.upstream(1), stage.upstream(2)
    one.hears(*A_LEFT)
    other.hears(*B_LEFT)
    other.says("HTTP/1.1 204 No Content")
    second.hears("HTTP/1.1 204 No Content", UPSTREAM)
    one.says("HTTP/1.1 204 No Content")
    first.hears("HTTP/1.1 204 No Content", UPSTREAM)
    second.sends(GET_A)
    one.hears(*A_LEFT)
    assert stage.dialled == 2


@conversation()
def test_a_head_that_is_no_request(stage: Stage) -> None:
    """What can't be understood is answered with 400, the connection closed, and nothing after it is read."""
    caller = stage.caller()
    caller.sends(b"GET /api/a HTTP/1.1\r\nHost : gateway.test\r\n\r\n" + GET_B)
    caller.hears_problem(400, "malformed-request", closes=True)
    caller.sees_it_closed()
    assert stage.dialled == 0
    assert [record["error"] for record in stage.records] == ["malformed-request"]


@conversation()
def test_a_good_request_before_a_bad_one(stage: Stage) -> None:
    """A bad request takes nothing away from the good one before it."""
    caller = stage.caller()
    caller.sends(GET_A + b"GET  /api/b HTTP/1.1\r\n\r\n")
    stage.upstream().says("HTTP/1.1 200 OK", "Content-Length: 1", body="a")
    heard = caller.takes()
    assert heard.startswith(message("HTTP/1.1 200 OK", "Content-Length: 1", UPSTREAM, body="a"))
    assert b"Exeat-Error: malformed-request\r\n" in heard
    caller.sees_it_closed()


@conversation()
def test_draining_closes_between_requests(stage: Stage) -> None:
    """When the process is to end, a connection closes after the answer under way, and an idle one at once."""
    busy, idle = stage.caller(), stage.caller()
    stage.passes(0.6)
    busy.sends(GET_A)
    stage.worker.draining = True
    for connection in list(stage.worker.connections):
        connection.drain(stage.loop.time())
    idle.sees_it_closed()
    busy.sees_it_open()
    stage.upstream().says("HTTP/1.1 200 OK", "Content-Length: 1", body="a")
    busy.hears("HTTP/1.1 200 OK", "Content-Length: 1", "Connection: close", UPSTREAM, body="a")
    busy.sees_it_closed()


@conversation()
def test_draining_waits_for_a_request_that_may_be_coming(stage: Stage) -> None:
    """A connection that has just been answered, or made, gets one more request: it could be on its way already."""
    kept, new = stage.caller(), stage.caller()
    kept.sends(GET_A)
    stage.upstream().says("HTTP/1.1 200 OK", "Content-Length: 1", body="a")
    kept.takes()
    stage.worker.draining = True
    for caller in (kept, new):
        for connection in list(stage.worker.connections):
            connection.drain(stage.loop.time())
        caller.sends(GET_A)
        stage.upstream().says("HTTP/1.1 200 OK", "Content-Length: 1", body="b")
        caller.hears("HTTP/1.1 200 OK", "Content-Length: 1", "Connection: close", UPSTREAM, body="b")
        caller.sees_it_closed()
