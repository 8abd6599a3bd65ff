"""An upstream that notes every request that it sees, before it answers."""

import socket
import threading

from tests.faults.callers import LARGE
from tests.support.origins import Origin, Peer, Request


class Noting:
    """What it has seen: the numbers of requests, each as often as it came."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.seen: list[str] = []
        self.origin = Origin(self._answer)

    def _answer(self, peer: Peer, request: Request) -> None:
        _, way, _, number = request.target.split("/")
        with self._lock:
            self.seen.append(number)
        if way == "large":
            peer.answer(bytes(LARGE))
        elif way == "chunked":
            peer.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
            peer.send(b"5\r\nhello\r\n0\r\n\r\n")
        else:
            peer.answer(b"hello")
