"""What the upstreams of a soak do, by the first segment of the path: well, slowly, or wrong in many ways."""

import threading
from collections.abc import Callable

from tests.support.origins import Peer, Request

PART = b"data: 0123456789abcdef\n\n" * 20
PARTS = 10
PART_S = 0.05


def behave(peer: Peer, request: Request) -> None:
    """Answer, or not, as the path says."""
    name = request.target.split("/")[1].partition("?")[0]
    _BEHAVIOURS[name](peer, request)


def _fine(peer: Peer, request: Request) -> None:
    peer.read_body(request)
    peer.answer(b"fine", "Content-Type: text/plain")


def _echo(peer: Peer, request: Request) -> None:
    peer.answer(peer.read_body(request))


def _missing(peer: Peer, request: Request) -> None:
    peer.read_body(request)
    peer.answer(b"not here", status="404 Not Found")


def _stream(peer: Peer, request: Request) -> None:
    peer.read_body(request)
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(PARTS):
        threading.Event().wait(PART_S)
        peer.send(b"%x\r\n%b\r\n" % (len(PART), PART))
    peer.send(b"0\r\n\r\n")


def _reset(peer: Peer, _: Request) -> None:
    peer.reset()


def _close(peer: Peer, request: Request) -> None:
    peer.read_body(request)
    peer.drop()


def _cut(peer: Peer, request: Request) -> None:
    peer.read_body(request)
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
    peer.drop()


def _garbage(peer: Peer, request: Request) -> None:
    peer.read_body(request)
    peer.send(b"this is no answer\r\n\r\n")
    peer.drop()


def _busy(peer: Peer, request: Request) -> None:
    peer.read_body(request)
    peer.answer(b"later", status="503 Service Unavailable")


def _silent(peer: Peer, request: Request) -> None:
    peer.read_body(request)
    peer.has_ended()


_BEHAVIOURS: dict[str, Callable[[Peer, Request], None]] = {
    "fine": _fine,
    "echo": _echo,
    "missing": _missing,
    "stream": _stream,
    "reset": _reset,
    "close": _close,
    "cut": _cut,
    "garbage": _garbage,
    "busy": _busy,
    "silent": _silent,
}
