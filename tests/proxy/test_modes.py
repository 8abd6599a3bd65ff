"""Conversations in each way of addressing an upstream: all of them leave as the same request."""

from collections.abc import Iterable

import pytest

from exeat.model.credential import Query
from exeat.model.secret import Secret
from exeat.model.snapshot import Snapshot
from tests.support.playbook import CREDENTIAL, GATEWAY, KEYED, UPSTREAM, Stage, conversation, on_stage, plain
from tests.support.values import KEY, OTHER_KEY, destination, snapshot, upstream

HOST = "Host: gateway.test"
LEFT = ("GET /v1/a?b=1 HTTP/1.1", "Host: api.test", CREDENTIAL)


def several() -> Snapshot:
    """An upstream with a path, a host of its own and a query parameter; and two destinations."""
    return snapshot(
        upstream("api", "http://api.test/v1", hosts=("files.test",)),
        upstream("maps", "http://maps.test", kind=Query("key", Secret("s 1/2"))),
        destinations=[destination("*.elsewhere.test", plaintext=True), destination("secure.test")],
    )


@pytest.mark.parametrize(
    "lines",
    [
        ("GET /api/a?b=1 HTTP/1.1", HOST, KEYED),
        ("GET /a?b=1 HTTP/1.1", "Host: api.gateway.test", KEYED),
        ("GET /a?b=1 HTTP/1.1", "Host: API.Gateway.Test:8080", KEYED),
        ("GET /a?b=1 HTTP/1.1", "Host: files.test", KEYED),
        ("GET /http://api.test/v1/a?b=1 HTTP/1.1", HOST, KEYED),
        ("GET /http:/api.test/v1/a?b=1 HTTP/1.1", HOST, KEYED),
        ("GET /http://API.test:80/v1/a?b=1 HTTP/1.1", HOST, KEYED),
        ("GET /v1/a?b=1 HTTP/1.1", HOST, KEYED, "Exeat-Target: http://api.test"),
        ("GET /v1/a?b=1 HTTP/1.1", "Host: files.test", KEYED, "Exeat-Target: http://api.test/"),
    ],
)
def test_every_mode_is_one_exchange(lines: tuple[str, ...]) -> None:
    """Path, host, URL in path and header lead to the same request, with the same credential."""
    with on_stage(several()) as stage:
        caller = stage.caller()
        caller.says(*lines)
        api = stage.upstream()
        api.hears(*LEFT)
        api.says("HTTP/1.1 204 No Content")
        caller.hears("HTTP/1.1 204 No Content", UPSTREAM)
        assert stage.records[-1]["upstream"] == "api"


@conversation(several)
def test_a_destination_gets_the_callers_own_authorization(stage: Stage) -> None:
    """A bare destination has no credential of Exeat's: what the caller shows it goes there, its key doesn't."""
    caller = stage.caller()
    caller.says("GET /http://a.elsewhere.test/x HTTP/1.1", HOST, KEYED, "Authorization: Basic Y2FsbGVy")
    stage.upstream().hears("GET /x HTTP/1.1", "Host: a.elsewhere.test", "Authorization: Basic Y2FsbGVy")


@conversation(several)
def test_a_query_parameter_in_place_of_the_key(stage: Stage) -> None:
    """Where an upstream takes its secret in the query, the caller's key may stand there, and is replaced."""
    caller = stage.caller()
    caller.says(f"GET /maps/tiles?z=1&k%65y={KEY.decode()}&x=2 HTTP/1.1", HOST)
    stage.upstream().hears("GET /tiles?z=1&x=2&key=s%201%2F2 HTTP/1.1", "Host: maps.test")
    stage.upstream().says("HTTP/1.1 204 No Content")
    assert stage.records[-1]["query"] == "z=*&k%65y=*&x=*"


@pytest.mark.parametrize(
    ("lines", "status", "code"),
    [
        (("GET /api/a HTTP/1.1", HOST), 401, "key-missing"),
        (("GET /nothing HTTP/1.1", HOST), 401, "key-missing"),
        (("GET /nothing HTTP/1.1", HOST, KEYED), 404, "upstream-unknown"),
        (("GET / HTTP/1.1", HOST, KEYED), 404, "upstream-unknown"),
        (("GET /-/nothing HTTP/1.1", HOST, KEYED), 404, "upstream-unknown"),
        (("GET /api/a HTTP/1.1", HOST, f"Exeat-Key: {OTHER_KEY.decode()}"), 401, "key-unknown"),
        (("GET /api/a HTTP/1.1", HOST, "Exeat-Key: exeat_short"), 401, "key-malformed"),
        (("GET /api/a HTTP/1.1", HOST, KEYED, f"X-API-Key: {OTHER_KEY.decode()}"), 401, "key-malformed"),
        (("GET /api/../x HTTP/1.1", HOST, KEYED), 400, "malformed-target"),
        (("GET /https://user@api.test/ HTTP/1.1", HOST, KEYED), 400, "malformed-target"),
        (("GET /http://nowhere.test/ HTTP/1.1", HOST, KEYED), 403, "target-not-allowed"),
        (("GET /http://elsewhere.test/ HTTP/1.1", HOST, KEYED), 403, "target-not-allowed"),
        (("GET /http://a.elsewhere.test:81/ HTTP/1.1", HOST, KEYED), 403, "port-not-allowed"),
        (("GET /http://secure.test/ HTTP/1.1", HOST, KEYED), 403, "plaintext-refused"),
        (("GET /http://api.test/v2/ HTTP/1.1", HOST, KEYED), 403, "path-not-granted"),
        (("GET /x HTTP/1.1", HOST, KEYED, "Exeat-Target: http://api.test/v1"), 400, "malformed-target"),
        (("POST /-/live HTTP/1.1", HOST, KEYED), 405, "method-not-allowed"),
        (("GET /-/call HTTP/1.1", HOST, KEYED), 405, "method-not-allowed"),
    ],
)
def test_refusals_leave_the_connection(lines: tuple[str, ...], status: int, code: str) -> None:
    """A refusal has its code and its hint, nothing is dialled, and the caller's connection goes on."""
    with on_stage(several()) as stage:
        caller = stage.caller()
        caller.says(*lines)
        problem = caller.hears_problem(status, code)
        assert problem["hint"]
        assert KEY.decode() not in str(problem)
        caller.sees_it_open()
        assert stage.dialled == 0


@pytest.mark.parametrize(
    "lines",
    [
        (f"GET /api/a?leak={KEY.decode()} HTTP/1.1", HOST, KEYED),
        (f"GET /api/{KEY.decode()} HTTP/1.1", HOST, KEYED),
        ("GET /api/a HTTP/1.1", HOST, KEYED, f"Cookie: k={KEY.decode()}"),
    ],
)
def test_a_key_where_it_would_leave(lines: tuple[str, ...]) -> None:
    """A key that also stands where it would go upstream is refused before a byte is sent."""
    with on_stage(several()) as stage:
        caller = stage.caller()
        caller.says(*lines)
        caller.hears_problem(400, "malformed-request")
        stage.upstream().hears_nothing()


@pytest.mark.parametrize(
    ("first", "status", "code"),
    [
        ("TRACE /api/a HTTP/1.1", 405, "method-not-allowed"),
        ("CONNECT api.test:443 HTTP/1.1", 405, "method-not-allowed"),
        ("GET /api/a#b HTTP/1.1", 400, "malformed-request"),
        ("GET api HTTP/1.1", 400, "malformed-request"),
        ("GET * HTTP/1.1", 400, "malformed-request"),
    ],
)
def test_refusals_that_end_the_connection(first: str, status: int, code: str) -> None:
    """Where it is in doubt what the caller means by its bytes, nothing more of them is read."""
    with on_stage(several()) as stage:
        caller = stage.caller()
        caller.says(first, HOST, KEYED)
        caller.hears_problem(status, code, closes=True)
        caller.sees_it_closed()


@conversation()
def test_options_of_the_whole_server(stage: Stage) -> None:
    """`OPTIONS *` asks the gateway itself (RFC 9110 §9.3.7)."""
    caller = stage.caller()
    caller.says("OPTIONS * HTTP/1.1", HOST)
    caller.hears("HTTP/1.1 204 No Content", "Allow: GET, HEAD, POST, OPTIONS", GATEWAY)


@pytest.mark.parametrize(
    "lines",
    [
        (KEYED,),
        (f"Authorization: Bearer {KEY.decode()}",),
        (f"Authorization: token {KEY.decode()}",),
        (f"X-API-Key: {KEY.decode()}",),
        (f"Proxy-Authorization: bearer {KEY.decode()}",),
        (KEYED, f"Authorization: Bearer {KEY.decode()}", f"X-API-Key: {KEY.decode()}"),
        (KEYED, "Authorization: Bearer the-callers-own"),
        (KEYED, "Exeat-Anything: 1", "exeat_key: 2", "X-Forwarded-For: 10.0.0.1", "Forwarded: for=10.0.0.1"),
    ],
)
def test_nothing_of_the_caller_leaves(lines: Iterable[str]) -> None:
    """Whichever slot held the key, the upstream sees its own credential and nothing else of who called."""
    with on_stage(plain()) as stage:
        caller = stage.caller()
        caller.says("GET /api/a HTTP/1.1", HOST, *lines)
        stage.upstream().hears("GET /a HTTP/1.1", "Host: api.test", CREDENTIAL)
