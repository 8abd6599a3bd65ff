"""Upstreams that mean harm: one server, and a way to misbehave for each path."""

import gzip
import select
import socket
from collections.abc import Callable
from contextlib import ExitStack
from queue import Queue
from types import TracebackType
from typing import Self

from tests.support.blackhole import blackhole
from tests.support.origins import Origin, Peer, Request

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
PIECE = 64 * 1024
PATIENCE_S = 20.0
SOON_S = 0.7  # before an idle connection ends by itself
MEMBER = gzip.compress(bytes(10 * 1024 * 1024))
BOMB = MEMBER * 1000  # 10 GB of zeros in 10 MB: gzip members one after the other (RFC 1952 §2.2)
STEALTH = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"

# Every call meets its upstream once: how that is borne is looked at, not how it is spared.
ONCE: dict[str, object] = {"retries": "off", "circuit": "off"}
UNASKED: Queue[bool] = Queue()  # whether the gateway ended a connection for an unasked answer

Behaviour = Callable[[Peer, Request], None]


def dripping(begin: bytes, piece: bytes = b"x") -> Behaviour:
    """Send `begin`, then a little ten times a second."""

    def behave(peer: Peer, request: Request) -> None:
        del request
        peer.send(begin)
        while not _is_ended(peer, 0.1):
            peer.send(piece)
        peer.reset()

    return behave


def pouring(begin: bytes, piece: bytes) -> Behaviour:
    """Send `begin`, then `piece` again and again as fast as it is taken."""
    much = piece * (PIECE // len(piece))

    def behave(peer: Peer, request: Request) -> None:
        del request
        peer.send(begin)
        while True:
            peer.send(much)

    return behave


def saying(answer: bytes) -> Behaviour:
    """Send something, then nothing."""

    def behave(peer: Peer, request: Request) -> None:
        del request
        peer.send(answer)
        _is_ended(peer, PATIENCE_S)
        peer.reset()

    return behave


def swallow(peer: Peer, request: Request) -> None:
    """Read whatever comes, for ever."""
    del request
    while peer.sock.recv(PIECE):
        pass


def explode(peer: Peer, request: Request) -> None:
    """Send the bomb."""
    del request
    peer.answer(BOMB, "Content-Encoding: gzip")


def answer_size(peer: Peer, request: Request) -> None:
    """Send as many bytes as the path says."""
    peer.answer(bytes(int(request.target.rpartition("/")[2])))


def answer_twice(peer: Peer, request: Request) -> None:
    """Answer with the target, and with something else that nobody asked for, in one piece."""
    answer = request.target.encode()
    peer.send(OK + b"Content-Length: %d\r\n\r\n%b" % (len(answer), answer) + STEALTH)
    UNASKED.put(peer.has_ended(SOON_S))


def answer_again(peer: Peer, request: Request) -> None:
    """Answer with the target, and then with something else."""
    tell(peer, request)
    peer.send(STEALTH)
    UNASKED.put(peer.has_ended(SOON_S))


def tell(peer: Peer, request: Request) -> None:
    """Answer with the target."""
    peer.answer(request.target.encode())


BEHAVIOURS: dict[str, Behaviour] = {
    "swallow": swallow,
    "silent": saying(b""),
    "drip-head": dripping(OK + b"X: "),
    "drip-body": dripping(OK + b"Content-Length: 100000\r\n\r\n"),
    "half-body": saying(OK + b"Content-Length: 100000\r\n\r\nhalf"),
    "large-field": pouring(OK + b"X: ", b"x"),
    "many-fields": saying(OK + b"X: y\r\n" * 10_000 + b"\r\n"),
    "interim": pouring(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "extension": pouring(CHUNKED + b"1;x=", b"x"),
    "extensions": pouring(CHUNKED, b"1;name=value\r\nx\r\n"),
    "trailers": pouring(CHUNKED + b"0\r\n", b"X: y\r\n"),
    "tiny-chunks": pouring(CHUNKED, b"1\r\nx\r\n"),
    "endless": pouring(OK + b"Content-Length: 999999999999999\r\n\r\n", bytes(PIECE)),
    "until-close": pouring(OK + b"\r\n", bytes(PIECE)),
    "bomb": explode,
    "bytes": answer_size,
    "twice": answer_twice,
    "again": answer_again,
    "tell": tell,
}


def misbehave(peer: Peer, request: Request) -> None:
    """Do what the first segment of the path says."""
    BEHAVIOURS[request.target.split("/")[1]](peer, request)


def greet(peer: Peer) -> None:
    """Answer before anything was asked."""
    peer.send(STEALTH)


class Upstreams:
    """All of them: `hostile` as above, `eager` that answers first, `stalled` in TLS, `full` that accepts nobody."""

    def __init__(self) -> None:
        self._running = ExitStack()
        self.hostile = Origin(misbehave)
        self.eager = Origin(tell, greeting=greet)
        self._stalled = socket.create_server(("127.0.0.1", 0))
        self._full = 0

    def __enter__(self) -> Self:
        for each in (self.hostile, self.eager, self._stalled):
            self._running.enter_context(each)
        self._full = self._running.enter_context(blackhole())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    def entries(self, timeouts: dict[str, str]) -> dict[str, object]:
        """How a document declares them."""
        local: dict[str, object] = {"network": {"private": ["127.0.0.0/8"]}, "timeout": timeouts, **ONCE}
        return {
            "hostile": self.hostile.entry(timeout=timeouts) | ONCE,
            "patient": self.hostile.entry(timeout=timeouts | {"total": "off"}) | ONCE,
            "eager": self.eager.entry(timeout=timeouts) | ONCE,
            "stalled": {"url": f"https://127.0.0.1:{self._stalled.getsockname()[1]}", **local},
            "full": {"url": f"http://127.0.0.1:{self._full}", "plaintext": True, **local},
        }


def _is_ended(peer: Peer, within_s: float) -> bool:
    """Whether the gateway has gone, seen without reading anything."""
    poll = select.poll()
    poll.register(peer.sock, select.POLLRDHUP)
    return bool(poll.poll(within_s * 1000))
