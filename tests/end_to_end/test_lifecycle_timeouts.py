"""Each phase of a call has its own limit, with its own code; the caller's own deadline can only shorten."""

import json
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from exeat.errors import Code
from tests.support.access import access_line
from tests.support.blackhole import blackhole
from tests.support.certificates import Authority
from tests.support.gateway import Gateway, MadeKey, make_key
from tests.support.origins import Behaviour, Origin, Peer, Request
from tests.support.problems import check_problem
from tests.support.raw_caller import RawCaller

LIMIT_S = 0.4
PRECISION_S = 0.3  # the sweep's step, and a busy machine
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class Place:
    """The gateway, and an upstream for each limit."""

    def __init__(self, gateway: Gateway, origin: Origin, key: MadeKey) -> None:
        self.gateway = gateway
        self.origin = origin
        self.line = f"Exeat-Key: {key.key}"

    def caller(self) -> RawCaller:
        """A new connection."""
        return RawCaller(self.gateway.port)


@pytest.fixture(scope="module")
def place(authority: Authority) -> Iterator[Place]:
    """A gateway whose upstreams have little patience, each in another phase."""
    key = make_key()
    limit = f"{LIMIT_S:g}s"
    with blackhole() as hole, Origin(context=authority.server_context()) as origin, socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        private = {"network": {"private": ["127.0.0.0/8"]}, "retries": "off"}
        upstreams = {
            "hole": {"url": f"https://127.0.0.1:{hole}", "timeout": {"connect": limit}, **private},
            "mute": {"url": f"https://127.0.0.1:{mute.getsockname()[1]}", "timeout": {"tls": limit}, **private},
            **{
                name: origin.entry(authority.file, timeout={name: limit} if name != "patient" else {})
                for name in ("response", "idle", "total", "patient")
            },
        }
        document = {
            "upstreams": upstreams,
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["*"]}},
        }
        with Gateway(document) as gateway:
            yield Place(gateway, origin, key)


def silent(peer: Peer, request: Request) -> None:
    """No answer; the gateway has to end the connection."""
    del request
    assert peer.has_ended()


def dripping_head(peer: Peer, request: Request) -> None:
    """A head whose end never comes, though something comes all the time."""
    del request
    peer.send(b"HTTP/1.1 200 OK\r\n")
    while not peer.has_ended(0.05):
        peer.send(b"X-More: 1\r\n")


def one_event(peer: Peer, request: Request) -> None:
    """An event, then nothing."""
    del request
    peer.send(EVENTS + b"5\r\ndata:\r\n")
    assert peer.has_ended()


def dripping_body(peer: Peer, request: Request) -> None:
    """A body that comes, and comes, and never ends."""
    del request
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not peer.has_ended(0.05):
        peer.send(b".")


@pytest.mark.parametrize("name", ["hole", "mute"])
def test_connect(place: Place, name: str) -> None:
    """A connection that doesn't come about in time, in TCP or in TLS, is `connect-timeout`; nothing was sent."""
    with place.caller() as caller:
        began = time.monotonic()
        answer = caller.call("GET", f"/{name}/", place.line)
        assert LIMIT_S <= time.monotonic() - began < LIMIT_S + PRECISION_S
        check_problem(answer, Code.CONNECT_TIMEOUT, name)
        assert caller.call("GET", "/patient/", place.line).status == 200


@pytest.mark.parametrize("behaviour", [silent, dripping_head])
def test_response(place: Place, behaviour: Behaviour) -> None:
    """A head that isn't whole in time is `response-timeout`, and the upstream's connection is closed."""
    with place.origin.doing(behaviour), place.caller() as caller:
        began = time.monotonic()
        answer = caller.call("GET", "/response/", place.line)
        assert LIMIT_S <= time.monotonic() - began < LIMIT_S + PRECISION_S
        problem = check_problem(answer, Code.RESPONSE_TIMEOUT, "response")
        assert problem["attempts"] == 1
    with place.caller() as caller:
        assert caller.call("GET", "/patient/", place.line).status == 200


def test_idle(place: Place) -> None:
    """A body that stops is ended visibly; an event stream says why first."""
    with place.origin.doing(one_event), place.caller() as caller:
        began = time.monotonic()
        answer = caller.call("GET", "/idle/", place.line)
        assert LIMIT_S <= time.monotonic() - began < LIMIT_S + PRECISION_S
        assert (answer.status, answer.complete) == (200, False)
        event, _, data = answer.body.removeprefix(b"data:").partition(b"\n")
        assert event == b"event: error"
        said = json.loads(data.removeprefix(b"data: "))
        assert said == {"code": "idle-timeout", "request_id": answer.field("exeat-request-id")}
    assert access_line(place.gateway, answer.field("exeat-request-id"))["error"] == "idle-timeout"


def test_idle_is_no_limit_on_the_whole(place: Place) -> None:
    """A body that flows slowly, but flows, outlives the idle limit many times."""
    beats = 12

    def flow(peer: Peer, request: Request) -> None:
        del request
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % beats)
        for _ in range(beats):
            assert not peer.has_ended(LIMIT_S / 4)
            peer.send(b".")

    with place.origin.doing(flow), place.caller() as caller:
        answer = caller.call("GET", "/idle/", place.line)
        assert (answer.body, answer.complete) == (b"." * beats, True)


def test_total(place: Place) -> None:
    """The whole call has a limit: before the head it is `deadline-exceeded`, after it the body is cut."""
    with place.origin.doing(silent), place.caller() as caller:
        began = time.monotonic()
        check_problem(caller.call("GET", "/total/", place.line), Code.DEADLINE_EXCEEDED, "total")
        assert LIMIT_S <= time.monotonic() - began < LIMIT_S + PRECISION_S
    with place.origin.doing(dripping_body), place.caller() as caller:
        began = time.monotonic()
        answer = caller.call("GET", "/total/", place.line)
        assert LIMIT_S <= time.monotonic() - began < LIMIT_S + PRECISION_S
        assert (answer.status, answer.complete) == (200, False)
    assert access_line(place.gateway, answer.field("exeat-request-id"))["error"] == "deadline-exceeded"


class TestOwnDeadline:
    @pytest.mark.parametrize("name", ["patient", "hole", "response"])
    def test_shortens(self, place: Place, name: str) -> None:
        """Exeat-Timeout ends the call in every phase, and isn't passed on."""
        with place.origin.doing(silent), place.caller() as caller:
            began = time.monotonic()
            answer = caller.call("GET", f"/{name}/", place.line, "Exeat-Timeout: 0.2")
            assert 0.2 <= time.monotonic() - began < 0.2 + PRECISION_S
            check_problem(answer, Code.DEADLINE_EXCEEDED, name)
        assert not place.origin.requests or b"timeout" not in place.origin.requests[-1].raw.lower()

    def test_never_lengthens(self, place: Place) -> None:
        """A longer Exeat-Timeout changes nothing."""
        with place.origin.doing(silent), place.caller() as caller:
            began = time.monotonic()
            answer = caller.call("GET", "/total/", place.line, "Exeat-Timeout: 60")
            assert time.monotonic() - began < LIMIT_S + PRECISION_S
            check_problem(answer, Code.DEADLINE_EXCEEDED, "total")

    def test_cuts_a_stream(self, place: Place) -> None:
        """It holds for a body that flows, too."""
        with place.origin.doing(dripping_body), place.caller() as caller:
            began = time.monotonic()
            answer = caller.call("GET", "/patient/", place.line, "Exeat-Timeout: 0.3")
            assert time.monotonic() - began < 0.3 + PRECISION_S
            assert (answer.status, answer.complete) == (200, False)

    @pytest.mark.parametrize("text", ["", "0", "-1", "2s", "1e3", "NaN", "inf", "1,5", "0.0"])
    def test_is_a_number(self, place: Place, text: str) -> None:
        """What isn't a number of seconds above zero is refused."""
        with place.caller() as caller:
            answer = caller.call("GET", "/patient/", place.line, f"Exeat-Timeout: {text}")
            check_problem(answer, Code.MALFORMED_REQUEST, "patient")

    def test_in_an_envelope(self, place: Place) -> None:
        """`timeout` of a call in an envelope does the same, for that call alone."""
        answered = threading.Event()

        def choose(peer: Peer, request: Request) -> None:
            if request.target == "/silent":
                silent(peer, request)
            else:
                peer.answer(b"{}", "Content-Type: application/json")
                answered.set()

        calls = [{"upstream": "patient", "path": "/silent", "timeout": 0.3}, {"upstream": "patient", "path": "/x"}]
        with place.origin.doing(choose), place.caller() as caller:
            began = time.monotonic()
            answer = caller.call("POST", "/-/call", place.line, body=json.dumps(calls).encode())
            assert 0.3 <= time.monotonic() - began < 0.3 + PRECISION_S
        first, second = json.loads(answer.body)
        assert (first["ok"], first["status"], first["problem"]["code"]) == (False, 504, "deadline-exceeded")
        assert (second["ok"], answered.is_set()) == (True, True)
