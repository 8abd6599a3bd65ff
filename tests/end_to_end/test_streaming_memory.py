"""Two gigabytes through a worker, past a party that reads slowly: its memory stays small, its sender waits."""

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import Authority
from tests.support.gateway import wait_until
from tests.support.origins import Peer, Request
from tests.support.place import Place, placed

TOTAL_BYTES = 2 * 1024**3
SLOW_BYTES = 32 * 1024**2
LIMIT_KB = 100 * 1024
PIECE = bytes(range(256)) * 1024  # 256 KiB
# What kernel buffers of two connections hold at most, on top of the worker's own.
IN_FLIGHT_BYTES = 40 * 1024**2

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(params=["plain", "tls"])
def place(request: pytest.FixtureRequest, authority: Authority, tmp_path: Path) -> Iterator[Place]:
    """A gateway for one body alone."""
    with placed(authority, tmp_path, tls=request.param == "tls") as place:
        yield place


class Flow:
    """How much a sender has got rid of."""

    def __init__(self) -> None:
        self.sent = 0

    def send(self, sock: socket.socket, total: int) -> None:
        """Send `total` bytes."""
        while self.sent < total:
            sock.sendall(PIECE)
            self.sent += len(PIECE)

    def wait_for_standstill(self) -> None:
        """Wait until nothing has moved for a quarter of a second: every buffer on the way is full."""
        seen = [(-1, 0.0)]

        def stands() -> bool:
            now = time.monotonic()
            if self.sent != seen[-1][0]:
                seen.append((self.sent, now))
            return bool(self.sent) and now - seen[-1][1] > 0.25

        wait_until(stands, "the sender waits")


def read_all(rest: bytes, sock: socket.socket) -> int:
    """Read everything, the first of it in small pieces with pauses, after `rest`; how many pieces came out wrong."""
    wrong, got = int(rest != (PIECE * 2)[: len(rest)]), len(rest)
    buffer = memoryview(bytearray(len(PIECE)))
    while got < TOTAL_BYTES:
        at = got % len(PIECE)
        room = min(len(PIECE) - at, 8 * 1024 if got < SLOW_BYTES else len(PIECE))
        size = sock.recv_into(buffer[:room])
        assert size, f"ended after {got} bytes"
        wrong += buffer[:size] != PIECE[at : at + size]
        got += size
        if got < SLOW_BYTES and got % (1024**2) < size:
            time.sleep(0.02)  # this is what makes the reader slow: nothing is waited for
    return wrong


def memory_kb(place: Place) -> int:
    """The most memory that the worker ever had."""
    (pid,) = place.gateway.worker_pids()
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return int(status.partition("VmHWM:")[2].split()[0])


def test_download(place: Place) -> None:
    """A caller that reads slowly stops the upstream; then everything arrives, byte for byte."""
    flow = Flow()

    def answer(peer: Peer, request: Request) -> None:
        del request
        peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % TOTAL_BYTES)
        flow.send(peer.sock, TOTAL_BYTES)

    with place.secure.doing(answer), place.caller() as caller:
        caller.request("GET", "/secure/", place.line)
        caller.read_until(b"\r\n\r\n")
        flow.wait_for_standstill()
        assert flow.sent < IN_FLIGHT_BYTES
        assert read_all(caller.take_rest(), caller.sock) == 0
    assert memory_kb(place) < LIMIT_KB


def test_upload(place: Place) -> None:
    """An upstream that reads slowly stops the caller; then everything arrives, byte for byte."""
    flow = Flow()
    may_read = threading.Event()
    wrong: list[int] = []

    def take(peer: Peer, request: Request) -> None:
        del request
        assert may_read.wait(30)
        rest, peer.received = peer.received, b""
        wrong.append(read_all(rest, peer.sock))
        peer.answer(b"done")

    with place.secure.doing(take), place.caller(60) as caller:
        caller.request("POST", "/secure/", place.line, f"Content-Length: {TOTAL_BYTES}")
        sender = threading.Thread(target=flow.send, args=(caller.sock, TOTAL_BYTES))
        sender.start()
        flow.wait_for_standstill()
        assert flow.sent < IN_FLIGHT_BYTES
        may_read.set()
        sender.join(100)
        assert caller.read("POST").body == b"done"
    assert wrong == [0]
    assert memory_kb(place) < LIMIT_KB
