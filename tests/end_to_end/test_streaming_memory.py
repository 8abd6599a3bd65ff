"""Gigabytes through a worker, past a party that reads slowly: its memory stays small, its sender waits."""

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

TOTAL_BYTES = {"plain": 2 * 1024**3, "tls": 512 * 1024**2}  # by how the caller connects
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


@pytest.fixture
def total(request: pytest.FixtureRequest, place: Place) -> int:
    """How long the body is."""
    del place
    return TOTAL_BYTES[request.node.callspec.params["place"]]


class Flow:
    """How much a sender has got rid of."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.sent = 0

    def send(self, sock: socket.socket, piece: bytes = PIECE) -> None:
        """Send everything, each piece as `piece`."""
        while self.sent < self.total:
            sock.sendall(piece)
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


def read_all(rest: bytes, sock: socket.socket, total: int) -> int:
    """Read everything, the first of it in small pieces with pauses, after `rest`; how many pieces came out wrong."""
    wrong, got = int(rest != (PIECE * 2)[: len(rest)]), len(rest)
    buffer = memoryview(bytearray(len(PIECE)))
    while got < total:
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


def test_download(place: Place, total: int) -> None:
    """A caller that reads slowly stops the upstream; then everything arrives, byte for byte, its chunks taken apart."""
    flow = Flow(total)
    is_chunked = place.context is not None

    def answer(peer: Peer, request: Request) -> None:
        del request
        if is_chunked:
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            flow.send(peer.sock, b"%x\r\n%b\r\n" % (len(PIECE), PIECE))
            peer.send(b"0\r\n\r\n")
        else:
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
            flow.send(peer.sock)

    with place.secure.doing(answer), place.caller() as caller:
        caller.request("GET", "/secure/", place.line, version="HTTP/1.0")  # which has no chunks
        caller.read_until(b"\r\n\r\n")
        flow.wait_for_standstill()
        assert flow.sent < IN_FLIGHT_BYTES
        assert read_all(caller.take_rest(), caller.sock, total) == 0
        assert caller.is_ended()
    assert memory_kb(place) < LIMIT_KB


def test_upload(place: Place, total: int) -> None:
    """An upstream that reads slowly stops the caller; then everything arrives, byte for byte."""
    flow = Flow(total)
    may_read = threading.Event()
    wrong: list[int] = []

    def take(peer: Peer, request: Request) -> None:
        del request
        assert may_read.wait(30)
        rest, peer.received = peer.received, b""
        wrong.append(read_all(rest, peer.sock, total))
        peer.answer(b"done")

    with place.secure.doing(take), place.caller(60) as caller:
        caller.request("POST", "/secure/", place.line, f"Content-Length: {total}")
        sender = threading.Thread(target=flow.send, args=(caller.sock,))
        sender.start()
        flow.wait_for_standstill()
        assert flow.sent < IN_FLIGHT_BYTES
        may_read.set()
        sender.join(100)
        assert caller.read("POST").body == b"done"
    assert wrong == [0]
    assert memory_kb(place) < LIMIT_KB
