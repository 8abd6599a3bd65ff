"""Single requests over blocking sockets: for checks, kept connections and large bodies."""

import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from peers import Target
from processes import RunFailed
from testbed import UPSTREAM_NAME, Testbed

_HEAD_END = b"\r\n\r\n"
_BUFFER_BYTES = 256 * 1024
_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, and the whole body."""

    status: int
    body: bytes


@contextmanager
def connected(testbed: Testbed, target: Target) -> Iterator[socket.socket]:
    with open_connection(testbed, target) as connection:
        yield connection


def open_connection(testbed: Testbed, target: Target) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", target.port), timeout=_TIMEOUT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if target.tls:
        context = ssl.create_default_context(cafile=str(testbed.certificates.authority))
        return context.wrap_socket(connection, server_hostname=UPSTREAM_NAME)
    return connection


def render_head(target: Target, key: str, path: str, method: str = "GET", content_length: int | None = None) -> bytes:
    length = "" if content_length is None else f"Content-Length: {content_length}\r\n"
    return (
        f"{method} {target.prefix}{path} HTTP/1.1\r\nHost: {target.authority}\r\n"
        f"Authorization: Bearer {key}\r\nUser-Agent: exeat-bench\r\nX-Request-Id: one-call\r\n"
        f"{length}\r\n"
    ).encode()


def get(testbed: Testbed, target: Target, path: str, key: str) -> Answer:
    """One request on a connection of its own."""
    with connected(testbed, target) as connection:
        return converse(connection, render_head(target, key, path))


def converse(connection: socket.socket, request: bytes) -> Answer:
    """Send a request, read its whole answer, leave the connection open."""
    connection.sendall(request)
    status, length, body = read_head(connection)
    while len(body) < length:
        piece = connection.recv(65536)
        if not piece:
            raise RunFailed("the answer was cut")
        body += piece
    return Answer(status, body)


def read_head(connection: socket.socket) -> tuple[int, int, bytes]:
    """Status, Content-Length, and what of the body came along."""
    received = b""
    while _HEAD_END not in received:
        piece = connection.recv(65536)
        if not piece:
            raise RunFailed(f"closed before an answer: {received!r}")
        received += piece
    head, _, rest = received.partition(_HEAD_END)
    lines = head.decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    return int(lines[0].split()[1]), int(fields.get("content-length", "0")), rest


def download(testbed: Testbed, target: Target, size: int) -> None:
    """Take a body of `size` bytes and drop it; RunFailed when it is cut."""
    buffer = memoryview(bytearray(_BUFFER_BYTES))
    with connected(testbed, target) as connection:
        connection.sendall(render_head(target, testbed.key, f"/download/{size}"))
        status, _, rest = read_head(connection)
        received = len(rest)
        while received < size:
            got = connection.recv_into(buffer)
            if not got:
                break
            received += got
    if status != 200 or received != size:  # noqa: PLR2004 - HTTP's own number
        raise RunFailed(f"download: status {status}, {received} of {size} bytes")


def upload(testbed: Testbed, target: Target, size: int) -> None:
    """Send a body of `size` bytes; RunFailed unless the upstream says that it has them all."""
    chunk = memoryview(bytes(_BUFFER_BYTES))
    with connected(testbed, target) as connection:
        head = render_head(target, testbed.key, "/upload", "POST", content_length=size)
        connection.sendall(head)
        sent = 0
        while sent < size:
            piece = chunk[: size - sent]
            connection.sendall(piece)
            sent += len(piece)
        answer = converse(connection, b"")
    if answer.status != 200 or json.loads(answer.body)["received"] != size:  # noqa: PLR2004
        raise RunFailed(f"upload: {answer}")
