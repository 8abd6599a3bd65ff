"""How exchanges end early: a caller that goes, an upstream that breaks off, an answer before the request is whole."""

import itertools
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.support.certificates import Authority
from tests.support.gateway import wait_until
from tests.support.origins import Peer, Request
from tests.support.place import Place, placed

CANCEL_S = 1.0
BUSY_S = 0.5  # what a machine that is shared may add


@pytest.fixture(scope="module", params=["plain", "tls"])
def place(
    request: pytest.FixtureRequest, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A gateway whose callers connect in plaintext or over TLS."""
    folder = Path(tmp_path_factory.mktemp("ends"))
    with placed(authority, folder, tls=request.param == "tls") as place:
        yield place


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


class Watched:
    """A behaviour that says when the gateway closes the upstream connection."""

    def __init__(self, begin: Callable[[Peer, Request], None]) -> None:
        self._begin = begin
        self.arrived = threading.Event()
        self.ended = threading.Event()

    def __call__(self, peer: Peer, request: Request) -> None:
        """Begin, then wait for the end."""
        self._begin(peer, request)
        self.arrived.set()
        if peer.has_ended(10):
            self.ended.set()


def silent(peer: Peer, request: Request) -> None:
    """No answer at all."""


def idle_stream(peer: Peer, request: Request) -> None:
    """An event, and then nothing."""
    del request
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    peer.send(chunk(b"data: one\n\n"))


def half_a_body(peer: Peer, request: Request) -> None:
    """Half of a body with a length, and then nothing."""
    del request
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.")


class TestCallerLeaves:
    @pytest.mark.parametrize("name", ["secure", "clear"])
    @pytest.mark.parametrize("how", ["close", "reset"])
    @pytest.mark.parametrize("when", ["before the answer", "in an idle stream", "in a body", "in the request"])
    def test_cancels_the_call(self, place: Place, name: str, how: str, when: str) -> None:
        """Within a second of the caller's end, the upstream's connection is closed and the access line written."""
        begin = {"in an idle stream": idle_stream, "in a body": half_a_body}.get(when, silent)
        watched = Watched(begin)
        lines = len(place.gateway.access_lines())
        with place.origin(name).doing(watched):
            caller = place.caller()
            if when == "in the request":
                caller.request("POST", f"/{name}/", place.line, "Content-Length: 10")
                caller.send(b"half.")
            else:
                caller.request("GET", f"/{name}/", place.line)
            if begin is not silent:
                caller.read_until(b"half." if when == "in a body" else b"data: one\n\n")
            assert watched.arrived.wait(10)
            began = time.monotonic()
            getattr(caller, how)()
            assert watched.ended.wait(10)
            assert time.monotonic() - began < CANCEL_S + BUSY_S
        line = place.gateway.access_lines(lines + 1)[-1]
        assert line["error"] == "client-closed"
        assert line["status"] == (499 if begin is silent else 200)

    def test_in_a_flowing_stream(self, place: Place) -> None:
        """A stream that flows ends as soon as nobody reads it."""
        ended = threading.Event()

        def flow(peer: Peer, request: Request) -> None:
            idle_stream(peer, request)
            try:
                while True:
                    peer.send(chunk(b"data: more\n\n" * 100))
            finally:
                ended.set()

        with place.secure.doing(flow):
            caller = place.caller()
            caller.request("GET", "/secure/", place.line)
            caller.read_until(b"data: more\n\n")
            began = time.monotonic()
            caller.close()
            assert ended.wait(10)
            assert time.monotonic() - began < CANCEL_S + BUSY_S

    def test_of_an_envelope(self, place: Place) -> None:
        """All calls of a batch are cancelled with it."""
        watched = Watched(silent)
        with place.secure.doing(watched), place.clear.doing(watched):
            caller = place.caller()
            body = b'[{"upstream":"secure"},{"upstream":"secure"},{"upstream":"secure"}]'
            before = len(place.secure.requests)
            caller.request("POST", "/-/call", place.line, body=body)
            wait_until(lambda: len(place.secure.requests) == before + 3, "all calls are under way")
            began = time.monotonic()
            caller.close()
            assert watched.ended.wait(10)
            assert time.monotonic() - began < CANCEL_S + BUSY_S


def test_half_close_is_answered(authority: Authority, tmp_path: Path) -> None:
    """A caller that has sent all it wants to, and says so with FIN, still gets its answer."""
    with placed(authority, tmp_path) as place:
        for body in (b"", b"body"):
            with place.caller() as caller:
                caller.request("POST", "/secure/", place.line, body=body)
                caller.half_close()
                got = caller.read("POST")
                assert (got.status, got.complete) == (200, True)
                assert got.body.endswith(b"\r\n\r\n" + body)
                assert caller.is_ended()
        with place.caller() as caller:
            for number in range(5):
                caller.request("GET", f"/secure/{number}", place.line)
            caller.half_close()
            for number in range(5):
                assert caller.read().body.startswith(b"GET /%d " % number)
            assert caller.is_ended()


HEADS = {
    "length": b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "close": b"HTTP/1.1 200 OK\r\n\r\n",
    "events": b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n",
}


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("name", ["secure", "clear"])
@pytest.mark.parametrize("framing", HEADS)
@pytest.mark.parametrize("how", ["drop", "reset", "close"])
def test_a_cut_body_never_ends_cleanly(place: Place, version: str, name: str, framing: str, how: str) -> None:
    """Where the upstream's body breaks off, the caller's does too, visibly; all that had come is passed on."""
    # A body that ends with its connection is whole after FIN in plaintext, after close_notify over TLS: RFC 9112 §9.8.
    whole = framing == "close" and (how == "close" or (name, how) == ("clear", "drop"))

    def cut(peer: Peer, request: Request) -> None:
        del request
        content = b"data: part\n\n"
        peer.send(HEADS[framing] + (chunk(content) if framing in {"chunked", "events"} else content))
        assert arrived.wait(10)
        getattr(peer, how)()

    arrived = threading.Event()
    with place.origin(name).doing(cut), place.caller() as caller:
        caller.request("GET", f"/{name}/", place.line, version=version)
        head = caller.read_until(b"data: part\n\n")
        arrived.set()
        caller.unread(head)
        got = caller.read()
        assert (got.status, got.complete) == (200, whole)
        assert got.body.startswith(b"data: part\n\n")
        assert (b"event: error" in got.body) == (framing == "events" and version == "HTTP/1.1")
    line = place.gateway.access_line(got.field("Exeat-Request-Id"))
    assert line.get("error") == (None if whole else "upstream-closed")


class TestEarlyAnswer:
    BODY_BYTES = 64 * 1024 * 1024

    @staticmethod
    def refuse(peer: Peer, request: Request) -> None:
        """Refuse after the first part of the body, and read on a while as careful servers do."""
        del request
        peer.read_exactly(100_000)
        peer.answer(b"too large", "Connection: close", status="413 Content Too Large")
        peer.has_ended(5)

    def test_raw(self, place: Place) -> None:
        """A caller that reads while it sends has the answer long before its body ends."""
        with place.secure.doing(self.refuse), place.caller() as caller:
            caller.request("POST", "/secure/", place.line, f"Content-Length: {self.BODY_BYTES}")
            caller.send(bytes(200_000))
            got = caller.read("POST")
            assert (got.status, got.body, got.complete) == (413, b"too large", True)
            assert got.field("connection") == "close"

    def test_httpx(self, place: Place, authority: Authority) -> None:
        """A client that sends first and reads afterwards learns the status too."""
        verify = authority.client_context() if place.context is not None else False
        with place.secure.doing(self.refuse), httpx.Client(base_url=place.gateway.url, verify=verify) as client:
            answer = client.post("/secure/", headers={"Exeat-Key": place.key.key}, content=bytes(self.BODY_BYTES))
        assert (answer.status_code, answer.text) == (413, "too large")

    def test_curl(self, place: Place, authority: Authority) -> None:
        """Sending stops, and curl shows the answer."""
        with place.secure.doing(self.refuse):
            command = ["curl", "-sS", "--max-time", "15", "--cacert", str(authority.file), "-H", place.line]
            command += ["-w", "%{http_code}", "-H", "Expect:", "--data-binary", "@-", f"{place.gateway.url}/secure/"]
            done = subprocess.run(command, input=bytes(self.BODY_BYTES), capture_output=True, check=False)
        assert done.stdout.endswith(b"413"), done.stderr

    def test_the_gateways_own(self, place: Place) -> None:
        """A refusal in the middle of a body is readable too; a small body keeps the connection."""
        with place.caller() as caller:
            caller.request("POST", "/nowhere/", place.line, f"Content-Length: {self.BODY_BYTES}")
            caller.send(bytes(100_000))
            assert caller.read("POST").field("exeat-error") == "upstream-unknown"
        with place.caller() as caller:
            for _ in range(3):
                got = caller.call("POST", "/nowhere/", place.line, body=bytes(50_000))
                assert (got.status, got.field("connection")) == (404, None)
            assert caller.call("GET", "/secure/", place.line).status == 200


def test_an_upstream_connection_with_a_rest_is_not_used_again(place: Place) -> None:
    """Bytes that nobody asked for never become the answer to somebody else's request."""

    def overlong(peer: Peer, request: Request) -> None:
        peer.read_body(request)
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbodyHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")

    with place.secure.doing(overlong), place.caller() as caller:
        for _ in range(5):
            assert caller.call("GET", "/secure/", place.line).body == b"body"
    with place.caller() as caller:
        for _ in range(5):
            assert caller.call("GET", "/secure/mine", place.line).body.startswith(b"GET /mine ")


def test_a_stale_connection_costs_nobody_an_answer(place: Place) -> None:
    """A kept connection that the upstream has closed is noticed, and the request goes out on a new one."""

    def once(peer: Peer, request: Request) -> None:
        peer.read_body(request)
        peer.answer(b"first")
        peer.drop()

    for _ in range(10):
        with place.clear.doing(once), place.caller() as caller:
            assert caller.call("GET", "/clear/", place.line).body == b"first"
        with place.caller() as caller:
            assert caller.call("GET", "/clear/", place.line).status == 200


def test_answers_never_cross(place: Place) -> None:
    """With many callers, and an upstream that ends connections as it likes, everybody gets the answer to their own."""
    counts = itertools.count()

    def moody(peer: Peer, request: Request) -> None:
        body = peer.read_body(request)
        mood = next(counts) % 7
        peer.answer(request.target.encode() + b" " + body, *(["Connection: close"] if mood == 1 else []))
        if mood == 2:
            peer.drop()
        elif mood in {1, 3}:
            peer.close()

    def call(number: int) -> None:
        with place.caller() as caller:
            for turn in range(40):
                target = f"/{number}/{turn}"
                name = ("secure", "clear")[turn % 2]
                if turn % 5 == 4:
                    with place.caller() as hasty:  # asks, and doesn't wait
                        hasty.request("GET", f"/{name}/hasty{target}", place.line)
                got = caller.call("POST", f"/{name}{target}", place.line, body=target.encode())
                if got.status == 502:  # it ended as the request came, and a POST is never sent twice
                    assert got.field("exeat-error") == "upstream-closed"
                    continue
                assert (got.status, got.body.decode()) == (200, f"{target} {target}")
                answered.append(target)

    answered: list[str] = []
    with place.secure.doing(moody), place.clear.doing(moody), ThreadPoolExecutor(12) as threads:
        list(threads.map(call, range(12)))
    assert len(answered) > 250
    assert len(set(answered)) == len(answered)
