"""A caller of the gateway at the level of bytes; h11 judges what comes back."""

import socket
import ssl
import struct
from collections.abc import Iterable
from types import TracebackType
from typing import NamedTuple, Self

import h11

LIMIT_S = 15.0
READ_BYTES = 64 * 1024
_RESET = struct.pack("ii", 1, 0)


class Answer(NamedTuple):
    """One answer as it was read. `complete` is False where it broke off; `trailers` are by lower-case name."""

    status: int
    fields: tuple[tuple[str, str], ...]
    body: bytes
    complete: bool
    interim: tuple[int, ...]
    trailers: tuple[tuple[str, str], ...]

    def field(self, name: str) -> str | None:
        """The value of a field, the first where there are several."""
        return next((value for known, value in self.fields if known == name.lower()), None)


class RawCaller:
    """One connection to the gateway."""

    def __init__(
        self,
        port: int,
        *,
        context: ssl.SSLContext | None = None,
        limit_s: float = LIMIT_S,
        receive_buffer: int | None = None,
    ) -> None:
        sock = socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.settimeout(limit_s)
        try:
            sock.connect(("127.0.0.1", port))
        except OSError:
            sock.close()
            raise
        if context is not None:  # an end without close_notify isn't a clean end
            sock = context.wrap_socket(sock, server_hostname="localhost", suppress_ragged_eofs=False)
        self.sock = sock
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.sock.sendall(data)

    def request(
        self, method: str, target: str, *lines: str, body: bytes = b"", version: str = "HTTP/1.1", host: str = "gateway"
    ) -> None:
        """Send a whole request; Content-Length where there is a body."""
        first = [f"{method} {target} {version}", f"Host: {host}", *lines]
        if body:
            first.append(f"Content-Length: {len(body)}")
        self.send("".join(f"{line}\r\n" for line in first).encode("latin-1") + b"\r\n" + body)

    def read(self, method: str = "GET") -> Answer:
        """The next answer, to its end or to where it breaks off."""
        judge = h11.Connection(h11.CLIENT, max_incomplete_event_size=64 * 1024)
        judge.send(h11.Request(method=method, target="/", headers=[("Host", "gateway")]))
        judge.send(h11.EndOfMessage())
        head: h11.Response | None = None
        interim: list[int] = []
        body: list[bytes] = []
        if self._rest:
            judge.receive_data(self._rest)
        try:
            while True:
                event = judge.next_event()
                if event is h11.NEED_DATA:
                    judge.receive_data(self.sock.recv(READ_BYTES))
                elif isinstance(event, h11.InformationalResponse):
                    interim.append(event.status_code)
                elif isinstance(event, h11.Response):
                    head = event
                elif isinstance(event, h11.Data):
                    body.append(bytes(event.data))
                else:
                    break
        except (h11.RemoteProtocolError, ConnectionError, ssl.SSLError):
            self._rest = b""
            return _answer(head, body, interim, None)
        self._rest = judge.trailing_data[0]
        assert isinstance(event, h11.EndOfMessage), event
        return _answer(head, body, interim, event)

    def call(self, method: str, target: str, *lines: str, body: bytes = b"", host: str = "gateway") -> Answer:
        """Send a request and read its answer."""
        self.request(method, target, *lines, body=body, host=host)
        return self.read(method)

    def read_until(self, mark: bytes) -> bytes:
        """Bytes as they come, up to and with `mark`."""
        while mark not in self._rest:
            data = self.sock.recv(READ_BYTES)
            if not data:
                raise ConnectionError(f"closed before {mark!r}: {self._rest[-200:]!r}")
            self._rest += data
        taken, _, self._rest = self._rest.partition(mark)
        return taken + mark

    def unread(self, data: bytes) -> None:
        """Put bytes back, to be read again."""
        self._rest = data + self._rest

    def take_rest(self) -> bytes:
        """What was received and not read yet."""
        rest, self._rest = self._rest, b""
        return rest

    def is_ended(self, limit_s: float = LIMIT_S) -> bool:
        """Whether the gateway ends the connection within so many seconds, and sends nothing before."""
        self.sock.settimeout(limit_s)
        try:
            return not self._rest and self.sock.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    def half_close(self) -> None:
        """Send no more, but read on."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Go away as clients do."""
        self.sock.close()

    def reset(self) -> None:
        """Go away with RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.sock.close()


def _answer(head: h11.Response | None, body: list[bytes], interim: list[int], end: h11.EndOfMessage | None) -> Answer:
    return Answer(
        status=0 if head is None else head.status_code,
        fields=() if head is None else _text(head.headers),
        body=b"".join(body),
        complete=end is not None,
        interim=tuple(interim),
        trailers=() if end is None else _text(end.headers),
    )


def _text(fields: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in fields)
