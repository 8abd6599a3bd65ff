"""Connections by the thousand from one thread, and what became of each."""

import select
import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Self

PER_SECOND = 2000
BATCH = 50  # connections between two looks at the clock
ADDRESSES = 8  # callers' addresses 127.0.0.2 and on: each has its own ephemeral ports
READ_BYTES = 64 * 1024
RESET = b"\1\0\0\0\0\0\0\0"  # SO_LINGER on, 0 s: closing sends RST


def connect(port: int, number: int = 0, receive_buffer: int | None = None) -> socket.socket:
    """A connection to 127.0.0.1, from an address that follows from its number."""
    sock = socket.socket()
    if receive_buffer is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    sock.settimeout(10)
    sock.bind((f"127.0.0.{2 + number % ADDRESSES}", 0))
    sock.connect(("127.0.0.1", port))
    return sock


class Heard:
    """What came on one connection: its beginning, its last bytes, and how it ended."""

    __slots__ = ("end", "first", "last", "size")

    def __init__(self) -> None:
        self.first = b""
        self.last = b""
        self.size = 0
        self.end = "open"

    def add(self, data: bytes) -> None:
        """More came."""
        self.size += len(data)
        self.first = (self.first + data)[: READ_BYTES // 16]
        self.last = (self.last + data)[-5:]

    @property
    def outcome(self) -> str:
        """`408 client-timeout`, `200`, `200 cut`; where nothing came, `closed`, `reset` or `open`."""
        if not self.first:
            return self.end
        head, _, _ = self.first.partition(b"\r\n\r\n")
        code = head.partition(b"\r\nExeat-Error: ")[2].partition(b"\r\n")[0].decode("latin-1")
        return " ".join(filter(None, [head[9:12].decode("latin-1"), code, "" if self._is_whole(head) else "cut"]))

    def _is_whole(self, head: bytes) -> bool:
        if b"\r\nTransfer-Encoding: chunked" in head:
            return self.last == b"0\r\n\r\n"
        length = head.partition(b"\r\nContent-Length: ")[2].partition(b"\r\n")[0]
        return self.size == len(head) + 4 + int(length or b"0")


class Crowd:
    """So many connections, opened at a steady pace."""

    def __init__(self, port: int, count: int, *, receive_buffer: int | None = None) -> None:
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._heard: dict[int, Heard] = {}
        self._open: set[int] = set()
        for number in paced(range(count), count / PER_SECOND):
            self._add(connect(port, number, receive_buffer))

    def _add(self, sock: socket.socket) -> None:
        file = sock.fileno()
        self._sockets[file], self._heard[file] = sock, Heard()
        self._open.add(file)
        self._poll.register(sock, select.EPOLLIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._poll.close()
        for sock in self._sockets.values():
            sock.close()

    def __iter__(self) -> Iterator[Heard]:
        """What came on each connection, in the order in which they were opened."""
        return iter(self._heard.values())

    def send(self, data: bytes, *, spread_s: float = 0.0) -> None:
        """Send the same bytes on every connection that is still open, spread over so many seconds."""
        for file in paced(sorted(self._open), spread_s):
            with suppress(OSError):
                self._sockets[file].send(data)

    def send_each(self, everything: list[bytes]) -> None:
        """Send each connection something of its own."""
        for sock, data in zip(self._sockets.values(), everything, strict=True):
            sock.sendall(data)

    def drip(self, data: bytes, limit_s: float, *, size: int = 1, every_s: float = 1.0) -> None:
        """Send so many bytes now and then until every connection has ended, for at most so long; read meanwhile."""
        ends_at = time.perf_counter() + limit_s
        for at in range(0, len(data), size):
            if not self._open or time.perf_counter() > ends_at:
                break
            self.send(data[at : at + size])
            self.read(every_s)

    def read(self, limit_s: float) -> None:
        """Read what comes until every connection has ended, for at most so long."""
        ends_at = time.perf_counter() + limit_s
        while self._open and (left := ends_at - time.perf_counter()) > 0:
            for file, _ in self._poll.poll(left):
                self._read(file)

    def sip(self, size: int) -> None:
        """Read so many bytes of each connection where there are any."""
        for file, _ in self._poll.poll(0):
            self._read(file, size)

    def _read(self, file: int, size: int = READ_BYTES) -> None:
        heard = self._heard[file]
        try:
            data = self._sockets[file].recv(size)
        except OSError:
            data, heard.end = b"", "reset"
        if data:
            heard.add(data)
            return
        if heard.end == "open":
            heard.end = "closed"
        self._open.discard(file)
        self._poll.unregister(file)

    def outcomes(self) -> Counter[str]:
        """How many connections saw what."""
        return Counter(heard.outcome for heard in self)


def paced(numbers: Iterable[int], spread_s: float) -> Iterator[int]:
    """The same numbers, spread over so many seconds in small batches."""
    everything = list(numbers)
    began = time.perf_counter()
    for place, number in enumerate(everything):
        if place % BATCH == 0:
            time.sleep(max(began + place / len(everything) * spread_s - time.perf_counter(), 0.0))
        yield number
