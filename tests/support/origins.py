"""Upstreams on loopback whose every byte a test decides: one thread per connection, plain or over TLS."""

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

LIMIT_S = 20.0
READ_BYTES = 256 * 1024
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: closing sends RST


class Request(NamedTuple):
    """The head of a request as it arrived: `raw` with its last CRLF CRLF, and its parts."""

    raw: bytes
    method: str
    target: str
    fields: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        """The values of every field of that name."""
        return [value for known, value in self.fields if known.lower() == name.lower()]


class Peer:
    """One connection of the gateway, as the upstream has it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.received = b""
        self.trailers = b""

    def read_request(self) -> Request | None:
        """The head of the next request; None when the gateway has closed."""
        while b"\r\n\r\n" not in self.received:
            if not self._receive():
                return None
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, _ = first.split(" ")
        pairs = [line.partition(":") for line in lines]
        fields = tuple((name, value.strip()) for name, _, value in pairs)
        return Request(head + b"\r\n\r\n", method, target, fields)

    def read_body(self, request: Request) -> bytes:
        """The whole body of a request; the lines of its trailers are then in `trailers`."""
        if request.values("transfer-encoding"):
            return b"".join(self._chunks())
        length = request.values("content-length")
        return self.read_exactly(int(length[0])) if length else b""

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.read_line(), 16):
            yield self.read_exactly(size)
            self.read_line()
        lines = list(iter(self.read_line, b""))
        self.trailers = b"\r\n".join(lines)

    def read_line(self) -> bytes:
        """One line, without its CRLF."""
        while b"\r\n" not in self.received:
            if not self._receive():
                raise ConnectionError("the gateway closed in the middle of a line")
        line, _, self.received = self.received.partition(b"\r\n")
        return line

    def read_exactly(self, size: int) -> bytes:
        """So many bytes."""
        while len(self.received) < size:
            if not self._receive():
                raise ConnectionError("the gateway closed in the middle of a body")
        taken, self.received = self.received[:size], self.received[size:]
        return taken

    def _receive(self) -> bool:
        data = self.sock.recv(READ_BYTES)
        self.received += data
        return bool(data)

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.sock.sendall(data)

    def answer(self, body: bytes = b"", *lines: str, status: str = "200 OK") -> None:
        """Send a whole answer with Content-Length; `lines` are more field lines."""
        head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *lines, f"Content-Length: {len(body)}"))
        self.send(head.encode("latin-1") + b"\r\n" + body)

    def has_ended(self, limit_s: float = LIMIT_S) -> bool:
        """Whether the gateway ends the connection within so many seconds; bytes that come before are dropped."""
        self.sock.settimeout(limit_s)
        try:
            while self.sock.recv(READ_BYTES):
                pass
        except TimeoutError:
            return False
        except OSError:
            pass
        return True

    def close(self) -> None:
        """End politely: with close_notify where there is TLS."""
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.settimeout(0.5)
            with suppress(OSError, ValueError):
                self.sock.unwrap()
        self.sock.close()

    def drop(self) -> None:
        """End TCP alone: over TLS that is a truncation."""
        with suppress(OSError):
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)
        self.sock.close()

    def reset(self) -> None:
        """End with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.sock.close()


Behaviour = Callable[[Peer, Request], None]


def echo(peer: Peer, request: Request) -> None:
    """Answer with the request itself: its head as it arrived, then its body."""
    body = peer.read_body(request)
    peer.answer(request.raw + body, "Content-Type: application/octet-stream")


class Origin:
    """A server on a free port of 127.0.0.1 that behaves as the test says; over TLS where it has a context.

    `greeting` comes before the first request of each connection.
    """

    def __init__(
        self,
        behaviour: Behaviour = echo,
        context: ssl.SSLContext | None = None,
        *,
        greeting: Callable[[Peer], None] | None = None,
    ) -> None:
        self._behaviour = behaviour
        self._greeting = greeting
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._failures: list[BaseException] = []
        self.port: int = self._listener.getsockname()[1]
        self.requests: list[Request] = []
        self.connections = 0

    @property
    def authority(self) -> str:
        """Its host and port."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http{'' if self._context is None else 's'}://{self.authority}"

    def entry(self, ca: Path | None = None, /, base: str = "", **more: object) -> dict[str, object]:
        """The upstream as a document declares it."""
        entry: dict[str, object] = {"url": self.url + base, "network": {"private": ["127.0.0.0/8"]}, **more}
        if self._context is None:
            entry["plaintext"] = True
        elif ca is not None:
            entry.setdefault("tls", {"ca": str(ca)})
        return entry

    @contextmanager
    def doing(self, behaviour: Behaviour) -> Iterator[None]:
        """Behave like this for the length of a block; what fails in it fails the block."""
        before, self._behaviour = self._behaviour, behaviour
        try:
            yield
        finally:
            self._behaviour = before
        self.check()

    def check(self) -> None:
        """Raise what failed in a connection's thread."""
        if self._failures:
            raise self._failures.pop()

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in list(self._open):
            with suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(LIMIT_S)
        if kind is None:
            self.check()

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(sock)
            self._start(lambda sock=sock: self._serve(sock))  # type: ignore[misc]  # a default that binds

    def _serve(self, plain: socket.socket) -> None:
        sock = plain
        try:
            if self._context is not None:
                sock = self._context.wrap_socket(plain, server_side=True, do_handshake_on_connect=False)
                self._open.add(sock)
                sock.settimeout(LIMIT_S)
                assert isinstance(sock, ssl.SSLSocket)
                sock.do_handshake()
                sock.settimeout(None)
            peer = Peer(sock)
            if self._greeting is not None:
                self._greeting(peer)
            while request := peer.read_request():
                self.requests.append(request)
                self._behaviour(peer, request)
        except OSError:
            pass  # the gateway or the test ended the connection
        except BaseException as error:  # noqa: BLE001 - shown by check()
            self._failures.append(error)
        finally:
            self._open.discard(plain)
            self._open.discard(sock)
            sock.close()
