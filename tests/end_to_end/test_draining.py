"""The end of a gateway, in its order: it isn't ready any more, it accepts nothing more, it finishes what has begun."""

import signal
import socket
import threading
import time

from tests.support.gateway import Gateway, make_key, wait_until
from tests.support.held_upstream import BODY, held_upstream
from tests.support.origins import Origin, Peer, Request
from tests.support.raw_caller import RawCaller

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LEAVING = "not ready any more; draining begins later"


def accepts(port: int) -> bool:
    """Whether anybody listens."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def ready(port: int) -> tuple[int, str | None, str | None]:
    """What a load balancer is told."""
    with RawCaller(port) as caller:
        answer = caller.call("GET", "/-/ready")
        return answer.status, answer.field("exeat-error"), answer.field("connection")


def test_first_it_is_not_ready() -> None:
    """For EXEAT_DRAIN_DELAY_S it serves as ever, on new connections too, but says that it isn't ready."""
    with (
        Gateway({"upstreams": {}}, {"EXEAT_DRAIN_DELAY_S": "1"}, workers=2) as gateway,
        RawCaller(gateway.port) as kept,
    ):
        assert ready(gateway.port) == (200, None, None)
        with gateway.expect(LEAVING):
            gateway.signal(signal.SIGTERM)
        began = time.monotonic()
        wait_until(lambda: ready(gateway.port)[0] == 503, "every worker says so")
        while time.monotonic() - began < 0.6:
            assert ready(gateway.port) == (503, "draining", None)
            assert kept.call("GET", "/-/live").field("connection") is None
        assert not gateway.events("draining")
        assert gateway.wait() == 0
        assert time.monotonic() - began < 4
        assert not accepts(gateway.port)


def test_a_worker_that_dies_meanwhile() -> None:
    """Its successor isn't ready either."""
    with Gateway({"upstreams": {}}, {"EXEAT_DRAIN_DELAY_S": "20"}) as gateway:
        with gateway.expect(LEAVING):
            gateway.signal(signal.SIGTERM)
        with gateway.expect("worker is ready"):
            gateway.kill_worker(gateway.worker_pids()[0])
        assert ready(gateway.port) == (503, "draining", None)
        gateway.signal(signal.SIGTERM)
        assert gateway.wait() == 1


def test_kept_connections_learn_of_it() -> None:
    """While it drains, an answer says that its connection ends; an idle one is closed."""
    key = make_key()
    with held_upstream() as upstream:
        document = {
            "upstreams": {"held": upstream.entry},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["held"]}},
        }
        with Gateway(document) as gateway, RawCaller(gateway.port) as busy, RawCaller(gateway.port) as idle:
            busy.request("GET", "/held/", f"Exeat-Key: {key.key}")
            assert idle.call("GET", "/-/live").status == 200
            assert upstream.arrived.wait(10)
            with gateway.expect("draining"):
                gateway.signal(signal.SIGTERM)
            assert idle.sock.recv(1) == b""
            upstream.release.set()
            answer = busy.read()
            assert (answer.body, answer.field("connection")) == (BODY, "close")
            assert gateway.wait() == 0


def test_streams_may_have_less_time() -> None:
    """A stream is broken off after EXEAT_DRAIN_STREAMS_S; what isn't one has EXEAT_DRAIN_S to finish."""
    key, answer_it = make_key(), threading.Event()

    def choose(peer: Peer, request: Request) -> None:
        if request.target == "/events":
            peer.send(EVENTS + b"9\r\ndata: 1\n\n\r\n")
            assert peer.has_ended()
        else:
            assert answer_it.wait(20)
            peer.answer(b"done")

    limits = {"EXEAT_DRAIN_S": "15", "EXEAT_DRAIN_STREAMS_S": "0.3"}
    with Origin(choose) as origin:
        document = {
            "upstreams": {"api": origin.entry()},
            "consumers": {"web": {"keys": [{"sha256": key.sha256}], "grants": ["api"]}},
        }
        with Gateway(document, limits) as gateway, RawCaller(gateway.port) as stream, RawCaller(gateway.port) as other:
            stream.request("GET", "/api/events", f"Exeat-Key: {key.key}")
            other.request("GET", "/api/long", f"Exeat-Key: {key.key}")
            wait_until(lambda: len(origin.requests) == 2, "both have begun")
            gateway.signal(signal.SIGTERM)
            broken = stream.read()
            assert not broken.complete
            assert b'"code":"draining"' in broken.body
            answer_it.set()
            assert other.read().body == b"done"
            assert gateway.wait() == 0
