"""The holes of an earlier gateway, continued: what passes through, and what the program is like to live with."""

import gzip
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from exeat.errors import Code
from tests.conformance.ancestor import LOOPBACK, SECRET, Place, ask, destinations, placed, problems
from tests.support.gateway import Gateway, make_key, run_exeat
from tests.support.in_process import LIMIT_S
from tests.support.origins import Origin, Peer, Request
from tests.support.problems import check_problem
from tests.support.raw_caller import RawCaller

EVERY_BYTE = bytes(range(256)) * 8


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A gateway, and what is behind it."""
    with placed(Path(tmp_path_factory.mktemp("ancestor"))) as place:
        yield place


def test_hole_11_an_answer_comes_back_as_it_was_sent(place: Place) -> None:
    """Status, fields and bytes of an answer are the upstream's; what is compressed stays compressed."""
    packed = gzip.compress(EVERY_BYTE)
    lines = (
        *("Content-Type: image/x-any", "Content-Encoding: gzip", 'ETag: "v1"', "Retry-After: 7", "Set-Cookie: a=1"),
        *("Set-Cookie: b=2", "RateLimit-Remaining: 3", "X-RateLimit-Limit: 9"),
    )
    for body in (packed, EVERY_BYTE):
        with place.api.doing(lambda peer, _, body=body: peer.answer(body, *lines, status="203 Theirs")):  # type: ignore[misc]  # a default that binds
            answer = place.call("GET", "/api/")
        assert (answer.status, answer.body) == (203, body)
        assert {tuple(line.lower().split(": ", 1)) for line in lines} <= {(n, v.lower()) for n, v in answer.fields}


def test_hole_11_an_answer_streams(place: Place) -> None:
    """The first part of a body is with the caller while the upstream still makes the second."""
    is_read = threading.Event()

    def stream(peer: Peer, _: Request) -> None:
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        peer.send(b"9\r\ndata: 1\n\n\r\n")
        assert is_read.wait(LIMIT_S)
        peer.send(b"9\r\ndata: 2\n\n\r\n0\r\n\r\n")

    with place.api.doing(stream), RawCaller(place.gateway.port) as caller:
        caller.request("GET", "/api/", f"Exeat-Key: {place.keys.good.key}")
        caller.unread(caller.read_until(b"data: 1\n\n"))
        is_read.set()
        assert caller.read().body == b"data: 1\n\ndata: 2\n\n"


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502, 503, 504])
def test_hole_12_whose_error_it_is(place: Place, status: int) -> None:
    """An upstream's error passes untouched, says that it is the upstream's, and has no code of the gateway's."""
    answer = place.call("GET", f"/api/status/{status}")
    assert (answer.status, answer.body) == (status, b'{"from": "the API"}')
    assert (answer.field("exeat-origin"), answer.field("exeat-error")) == ("upstream", None)


def test_hole_12_a_timeout_is_504(place: Place) -> None:
    """An upstream that doesn't answer in time is a 504, one that hangs up a 502."""
    check_problem(place.call("GET", "/hasty/silent"), Code.RESPONSE_TIMEOUT, "hasty")
    check_problem(place.call("POST", "/api/close"), Code.UPSTREAM_CLOSED, "api")


def test_hole_13_connections_are_kept(place: Place) -> None:
    """Calls one after the other share one connection to the upstream, whoever makes them."""
    assert place.call("GET", "/api/").status == 200
    before = place.api.connections
    for key in (place.keys.good, place.keys.second) * 5:
        assert place.call("GET", "/api/", key=key).status == 200
    assert place.api.connections == before


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "QUERY"])
def test_hole_14_any_body_with_any_method(place: Place, method: str) -> None:
    """A body is bytes of any type, with any method, DELETE included."""
    kind = "Content-Type: multipart/form-data; boundary=x"
    body = place.call(method, "/api/echo", kind, body=EVERY_BYTE).body
    assert body.startswith(method.encode())
    assert f"{kind}\r\n".encode() in body
    assert body.endswith(b"\r\n\r\n" + EVERY_BYTE)


def test_hole_14_fields_of_the_connection_are_the_gateways(place: Place) -> None:
    """Host is the upstream's; hop-by-hop fields and what would forge an origin don't leave."""
    lines = (
        *("Connection: X-Private, keep-alive", "X-Private: 1", "Keep-Alive: 5", "Proxy-Connection: close", "TE: gzip"),
        *("X-Forwarded-For: 1.2.3.4", "X-Forwarded-Proto: https", "X-Real-IP: 1.2.3.4", "Forwarded: for=1.2.3.4"),
        *("Upgrade: h2c", "Proxy-Authorization: Basic eDp5", "X-Kept: yes"),
    )
    head = place.call("GET", "/api/echo", *lines).body.decode().lower()
    expected = f"get /echo http/1.1\r\nhost: {place.api.authority}\r\nx-kept: yes\r\nauthorization: bearer {SECRET}"
    assert head == f"{expected}\r\n\r\n"


@pytest.mark.parametrize("path", ["@evil.example/", "//../x", "/../x", "/%2e%2e/x", "/a\\b", "evil.example", "/a#b"])
def test_hole_14_a_path_cannot_move_the_host(place: Place, path: str) -> None:
    """A path is a path: it can't become user information, another host, or a step upwards."""
    before = len(place.api.requests)
    answer = place.call_envelope({"upstream": "api", "path": path})
    assert answer.status == 400
    assert len(place.api.requests) == before


def test_hole_14_an_upstreams_url_cannot_swallow_the_path(tmp_path: Path) -> None:
    """A URL with a query, in which every path would drown, is refused in the document."""
    assert "query" in problems({"upstreams": {"api": {"url": "https://ok.example/?x="}}}, tmp_path)


@pytest.mark.parametrize("headers", [[], ["A: b"], "A: b", {"A": {"b": "c"}}, {"A": "b\r\nC: d"}, {"A\r\nB": "c"}])
def test_hole_14_headers_are_an_object_of_texts(place: Place, headers: object) -> None:
    """What can't be a set of fields is refused with a reason."""
    answer = place.call_envelope({"upstream": "api", "headers": headers})
    assert (answer.status, answer.field("exeat-origin")) == (400, "gateway")


@pytest.mark.parametrize("port", [22, 25, 80, 6379, 8443])
def test_hole_14_only_the_port_that_is_listed(place: Place, port: int) -> None:
    """A destination without a port may be called at the scheme's own only."""
    check_problem(place.call("GET", f"/https://a.allowed.example:{port}/"), Code.PORT_NOT_ALLOWED)


def test_hole_15_names_are_compared_in_one_form(tmp_path: Path) -> None:
    """Upper case and a last dot are no other name; in a document they are refused with the form to write."""
    with Origin() as origin:
        names = ("API.Example.COM", "api.example.com.", "api.example.com")
        document = destinations(f"api.example.com:{origin.port}", private=LOOPBACK)
        targets = (f"http://{name}:{origin.port}/" for name in names)
        assert ask(document, tmp_path, {"api.example.com": ("127.0.0.1",)}, *targets) == ["200"] * 3
    for written in names[:2]:
        assert "'api.example.com'" in problems({"destinations": [written]}, tmp_path)


def test_hole_16_no_page_may_call_unless_listed(place: Place) -> None:
    """Without `cors` in the document no answer invites a web page, preflight included."""
    page = "Origin: https://evil.example"
    for answer in (
        place.call("OPTIONS", "/api/echo", page, "Access-Control-Request-Method: POST"),
        place.call("GET", "/api/echo", page),
        place.call("GET", "/nothing/", page),
        place.call("GET", "/-/whoami", page),
    ):
        assert not [name for name, _ in answer.fields if name.startswith("access-control-")]


@pytest.mark.parametrize("body", [b'{"upstream":', b"\xff", b"[" * 100_000, b"null", b'"text"'], ids=str)
def test_hole_16_malformed_json_is_a_refusal(place: Place, body: bytes) -> None:
    """JSON that isn't an envelope is refused like anything else: no trace of the program."""
    check_problem(place.call("POST", "/-/call", body=body), Code.ENVELOPE_INVALID)


def test_hole_16_strangers_learn_nothing(place: Place) -> None:
    """What answers without a key says that the gateway lives, and nothing about it."""
    with RawCaller(place.gateway.port) as caller:
        assert caller.call("GET", "/-/live").body == b"live\n"
        assert caller.call("GET", "/-/ready").body == b"ready\n"
        page = caller.call("GET", "/-/").body
        assert not [word for word in (b"hasty", b"strict", b"allowed.example", b"web") if word in page]
        there, nowhere = caller.call("GET", "/api/x"), caller.call("GET", "/nothing/x")
        assert check_problem(there, Code.KEY_MISSING)["detail"] == check_problem(nowhere, Code.KEY_MISSING)["detail"]


def test_hole_16_settings_that_are_no_numbers(tmp_path: Path) -> None:
    """A number that isn't one stops the start with a line about it."""
    ended = run_exeat("serve", cwd=tmp_path, env={"EXEAT_WORKERS": "NaN", "EXEAT_DRAIN_S": "soon"})
    assert ended.returncode != 0
    assert "EXEAT_WORKERS" in ended.stderr
    assert "EXEAT_DRAIN_S" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_hole_16_what_has_begun_is_finished() -> None:
    """SIGTERM lets a call that is under way end whole."""
    has_come, is_told = threading.Event(), threading.Event()

    def wait(peer: Peer, _: Request) -> None:
        has_come.set()
        assert is_told.wait(LIMIT_S)
        peer.answer(b"whole")

    key = make_key()
    with Origin(wait) as origin:
        consumers = {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}}
        with Gateway({"upstreams": {"api": origin.entry()}, "consumers": consumers}) as gateway:
            with RawCaller(gateway.port) as caller:
                caller.request("GET", "/api/", f"Exeat-Key: {key.key}")
                assert has_come.wait(LIMIT_S)
                with gateway.expect("draining"):
                    gateway.signal(signal.SIGTERM)
                is_told.set()
                answer = caller.read()
                assert (answer.status, answer.body) == (200, b"whole"), answer
            assert gateway.wait() == 0


@pytest.mark.parametrize("target", ["/api/", "/https://a.allowed.example/", "/-/whoami", "/-/call", "/proxy/x"])
def test_hole_17_nothing_goes_without_a_key(place: Place, target: str) -> None:
    """No path leads outside, or says what there is, without a key."""
    before = len(place.api.requests)
    with RawCaller(place.gateway.port) as caller:
        check_problem(caller.call("POST" if "call" in target else "GET", target), Code.KEY_MISSING)
    assert len(place.api.requests) == before


@pytest.mark.parametrize("path", ["/status/400", "/status/404", "/status/500", "/status/503", "/close"])
def test_hole_17_a_post_is_never_repeated(place: Place, path: str) -> None:
    """What may have had an effect is sent once, whatever becomes of it."""
    before = len(place.api.requests)
    assert place.call("POST", f"/api{path}", body=b"pay").status >= 400
    assert [request.target for request in place.api.requests[before:]] == [path]


def test_hole_17_a_content_type_is_the_callers(place: Place) -> None:
    """The type of a body is the caller's, and none is made up where there is none."""
    assert b"Content-Type: text/csv\r\n" in place.call("POST", "/api/echo", "Content-Type: text/csv", body=b"a,b").body
    assert b"content-type" not in place.call("POST", "/api/echo", body=b"a,b").body.lower()
