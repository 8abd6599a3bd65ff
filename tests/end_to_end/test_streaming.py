"""Bodies on their way, in both directions: as they arrive, in order, never cut without a sign."""

import queue
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.certificates import Authority
from tests.support.origins import Peer, Request
from tests.support.place import Place, placed

EVENTS = 20


@pytest.fixture(scope="module", params=["plain", "tls"])
def place(
    request: pytest.FixtureRequest, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A gateway whose callers connect in plaintext or over TLS."""
    folder = Path(tmp_path_factory.mktemp("streaming"))
    with placed(authority, folder, tls=request.param == "tls") as place:
        yield place


def chunk(content: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(content), content)


class TestAsTheyArrive:
    @pytest.mark.parametrize("framing", ["chunked", "length", "close"])
    @pytest.mark.parametrize("name", ["secure", "clear"])
    def test_events(self, place: Place, name: str, framing: str) -> None:
        """Each event reaches the caller before the next one is sent, within a tenth of a second."""
        go: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        lines = {"chunked": "Transfer-Encoding: chunked\r\n", "length": f"Content-Length: {16 * EVENTS}\r\n"}

        def stream(peer: Peer, request: Request) -> None:
            del request
            head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{lines.get(framing, '')}\r\n"
            peer.send(head.encode())
            for _ in range(EVENTS):
                event = go.get(timeout=10)
                peer.send(chunk(event) if framing == "chunked" else event)
            if framing == "chunked":
                peer.send(b"0\r\n\r\n")
            elif framing == "close":
                peer.close()

        with place.origin(name).doing(stream), place.caller() as caller:
            caller.request("GET", f"/{name}/events", place.line)
            caller.read_until(b"\r\n\r\n")
            waits = []
            for number in range(EVENTS):
                event = b"data: event %02d\n\n" % number
                began = time.monotonic()
                go.put(event)
                caller.read_until(event)
                waits.append(time.monotonic() - began)
        assert sorted(waits)[-2] < 0.1, waits  # one may meet a hiccup of a busy machine

    @pytest.mark.parametrize("name", ["secure", "clear"])
    def test_upload(self, place: Place, name: str, authority: Authority) -> None:
        """Each piece of a body reaches the upstream before the caller makes the next one."""
        seen: queue.SimpleQueue[bytes] = queue.SimpleQueue()

        def take(peer: Peer, request: Request) -> None:
            assert request.values("transfer-encoding") == ["chunked"]
            while size := int(peer.read_line(), 16):
                seen.put(peer.read_exactly(size))
                peer.read_line()
            peer.read_line()
            peer.answer(b"done")

        def pieces() -> Iterator[bytes]:
            for number in range(EVENTS):
                yield b"piece %d" % number
                assert seen.get(timeout=5) == b"piece %d" % number  # the client has sent it when it asks for the next

        verify = authority.client_context() if place.context is not None else False
        with place.origin(name).doing(take), httpx.Client(base_url=place.gateway.url, verify=verify) as client:
            answer = client.post(f"/{name}/", headers={"Exeat-Key": place.key.key}, content=pieces())
        assert answer.text == "done"

    def test_both_ways(self, place: Place) -> None:
        """An answer may flow while the request's body still does."""

        def converse(peer: Peer, request: Request) -> None:
            del request
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while size := int(peer.read_line(), 16):
                peer.send(chunk(peer.read_exactly(size).upper()))
                peer.read_line()
            peer.read_line()
            peer.send(b"0\r\n\r\n")

        with place.secure.doing(converse), place.caller() as caller:
            caller.request("POST", "/secure/", place.line, "Transfer-Encoding: chunked")
            caller.read_until(b"\r\n\r\n")
            for word in (b"one", b"two", b"three"):
                caller.send(chunk(word))
                caller.read_until(chunk(word.upper()))
            caller.send(b"0\r\n\r\n")
            caller.read_until(b"0\r\n\r\n")


class TestFraming:
    def test_trailers(self, place: Place) -> None:
        """Trailers reach a caller that says TE: trailers, and nobody else; the caller's own reach the upstream."""

        def answer(peer: Peer, request: Request) -> None:
            peer.read_body(request)
            sent.append(peer.trailers)
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n")
            peer.send(chunk(b"body") + b"0\r\nX-Sum: 42\r\nContent-Length: 7\r\n\r\n")

        sent: list[bytes] = []
        with place.secure.doing(answer), place.caller() as caller:
            got = caller.call("GET", "/secure/", place.line, "TE: trailers", "Connection: TE")
            assert (got.body, got.trailers) == (b"body", (("x-sum", "42"),))
            assert place.secure.requests[-1].values("te") == ["trailers"]
            got = caller.call("GET", "/secure/", place.line)
            assert (got.body, got.trailers) == (b"body", ())
            assert place.secure.requests[-1].values("te") == []
            caller.request("POST", "/secure/", place.line, "Transfer-Encoding: chunked")
            caller.send(chunk(b"x") + b"0\r\nX-Mine: 1\r\nAuthorization: Basic no\r\n\r\n")
            assert caller.read("POST").complete
        assert sent[-1] == b"X-Mine: 1"

    @pytest.mark.parametrize("framing", ["chunked", "length", "close"])
    def test_http_1_0(self, place: Place, framing: str) -> None:
        """An HTTP/1.0 caller gets a body with a length or one that ends with the connection, never chunks."""

        def answer(peer: Peer, request: Request) -> None:
            del request
            peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
            if framing == "chunked":
                peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"body") + b"0\r\n\r\n")
            elif framing == "length":
                peer.answer(b"body")
            else:
                peer.send(b"HTTP/1.1 200 OK\r\n\r\nbody")
                peer.close()

        with place.secure.doing(answer), place.caller() as caller:
            caller.request("GET", "/secure/", place.line, version="HTTP/1.0")
            got = caller.read()
            assert (got.status, got.body, got.complete, got.interim) == (200, b"body", True, ())
            assert got.field("transfer-encoding") is None
            assert got.field("connection") == "close"
            assert caller.is_ended()

    def test_http_1_0_upload(self, place: Place) -> None:
        """An HTTP/1.0 caller may send a body with a length, and have no Host."""
        with place.caller() as caller:
            head = f"POST /secure/ HTTP/1.0\r\n{place.line}\r\nContent-Length: 4\r\n\r\n"
            caller.send(head.encode() + b"body")
            assert caller.read("POST").body.endswith(b"\r\n\r\nbody")

    def test_pipelining(self, place: Place) -> None:
        """Requests sent at once are served one after the other, and answered in their order."""
        served: list[str] = []

        def answer(peer: Peer, request: Request) -> None:
            body = peer.read_body(request)
            served.append(request.target)
            peer.answer(request.target.encode() + body)

        with place.secure.doing(answer), place.clear.doing(answer), place.caller() as caller:
            for number in range(40):
                name = ("secure", "clear")[number % 2]
                method = ("GET", "POST", "HEAD")[number % 3]
                caller.request(method, f"/{name}/{number}", place.line, body=b"!" if method == "POST" else b"")
            for number in range(40):
                method = ("GET", "POST", "HEAD")[number % 3]
                got = caller.read(method)
                expected = {"GET": b"/%d", "POST": b"/%d!", "HEAD": b""}[method]
                assert got.body == (expected % number if expected else b"")
        assert served == [f"/{number}" for number in range(40)]

    def test_no_body_bytes(self, place: Place) -> None:
        """HEAD, 204 and 304 have no body on the wire, whatever length is declared."""

        def answer(peer: Peer, request: Request) -> None:
            status = request.target.removeprefix("/")
            length = "" if status == "204 No Content" else "Content-Length: 5\r\n"
            body = "" if request.method == "HEAD" or status[:1] != "2" or status[:3] == "204" else "12345"
            peer.send(f"HTTP/1.1 {status}\r\n{length}\r\n{body}".encode())

        with place.secure.doing(answer), place.caller() as caller:
            for method, status in (("HEAD", "200"), ("GET", "204"), ("GET", "304"), ("HEAD", "304"), ("GET", "200")):
                got = caller.call(method, f"/secure/{status}", place.line)
                expected = b"12345" if (method, status) == ("GET", "200") else b""
                assert (got.status, got.body, got.complete) == (int(status), expected, True)
            assert caller.call("GET", "/clear/", place.line).status == 200


class TestExpectContinue:
    def test_relayed(self, place: Place) -> None:
        """The body leaves the caller only after the upstream has said 100."""

        def answer(peer: Peer, request: Request) -> None:
            assert request.values("expect") == ["100-continue"]
            arrived.set()
            assert may_go_on.wait(10)
            assert peer.received == b""
            peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            peer.answer(peer.read_body(request))

        arrived, may_go_on = threading.Event(), threading.Event()
        with place.secure.doing(answer), place.caller() as caller:
            caller.request("PUT", "/secure/", place.line, "Expect: 100-continue", "Content-Length: 4")
            assert arrived.wait(10)
            may_go_on.set()
            assert caller.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            caller.send(b"body")
            got = caller.read("PUT")
            assert (got.status, got.body, got.interim) == (200, b"body", ())
            assert caller.call("GET", "/clear/", place.line).status == 200

    def test_answered_for_a_silent_upstream(self, place: Place) -> None:
        """Where the upstream knows nothing of 100, the gateway lets the caller go on after a second."""
        with place.caller() as caller:
            began = time.monotonic()
            caller.request("PUT", "/secure/", place.line, "Expect: 100-continue", "Content-Length: 4")
            assert caller.read_until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            assert 0.8 < time.monotonic() - began < 3
            caller.send(b"body")
            assert caller.read("PUT").body.endswith(b"body")
            assert caller.call("GET", "/clear/", place.line).status == 200

    def test_refused_by_the_upstream(self, place: Place) -> None:
        """A final answer in place of 100 reaches the caller, whose connection then ends: its body may follow or not."""

        def refuse(peer: Peer, request: Request) -> None:
            del request
            peer.answer(b"too large", status="413 Content Too Large")

        with place.secure.doing(refuse), place.caller() as caller:
            caller.request("PUT", "/secure/", place.line, "Expect: 100-continue", "Content-Length: 4000")
            got = caller.read("PUT")
            assert (got.status, got.body, got.interim) == (413, b"too large", ())
            assert got.field("connection") == "close"
            assert caller.is_ended()

    def test_refused_by_the_gateway(self, place: Place) -> None:
        """What the gateway refuses is refused before the body is asked for."""
        with place.caller() as caller:
            caller.request("PUT", "/secure/", "Expect: 100-continue", "Content-Length: 4000")
            got = caller.read("PUT")
            assert (got.status, got.field("exeat-error"), got.interim) == (401, "key-missing", ())

    def test_other_interim_answers(self, place: Place) -> None:
        """Early hints are passed on as they come."""

        def hint(peer: Peer, request: Request) -> None:
            del request
            peer.send(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n")
            assert seen.wait(10)
            peer.answer(b"body")

        seen = threading.Event()
        with place.secure.doing(hint), place.caller() as caller:
            caller.request("GET", "/secure/", place.line)
            caller.read_until(b"HTTP/1.1 102 Processing\r\n\r\n")
            assert b"a.css" in caller.read_until(b"\r\n\r\n")
            seen.set()
            assert caller.read().body == b"body"

    def test_curl(self, place: Place, authority: Authority) -> None:
        """The wait is over for curl as soon as the upstream says so, long before its own patience ends."""

        def answer(peer: Peer, request: Request) -> None:
            peer.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            peer.answer(peer.read_body(request))

        command = ["curl", "-sSv", "--max-time", "15", "--expect100-timeout", "10", "--cacert", str(authority.file)]
        command += ["-H", place.line, "-H", "Expect: 100-continue", "--data-binary", "body"]
        with place.secure.doing(answer):
            began = time.monotonic()
            done = subprocess.run([*command, f"{place.gateway.url}/secure/"], capture_output=True, check=False)
            assert time.monotonic() - began < 5
        assert (done.returncode, done.stdout) == (0, b"body"), done.stderr
        assert b"< HTTP/1.1 100 Continue" in done.stderr
