"""An upstream that keeps every byte it receives and reads it strictly.

It answers 200 `ok`, or once what a test tells it, or what a test says to each request.
"""

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from tests.support.messages import Fault, Message, Reader
from tests.support.slices import Slice, send, whole

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Changes:
    """Lets a coroutine wait for what callbacks bring about."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def happened(self) -> None:
        """Something has changed: who waits looks again."""
        self._event.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        while not holds():
            self._event.clear()
            await self._event.wait()


@dataclass
class Script:
    """The bytes that answer the first request: how they are cut, and whether a FIN follows.

    `early` writes them when the head has come, and reads nothing of the body.
    """

    raw: bytes
    slice: Slice = whole
    close: bool = False
    early: bool = False


class Connection(asyncio.Protocol):
    """One connection of the gateway to the capture upstream."""

    def __init__(self, capture: "Capture") -> None:
        self._capture = capture
        self._reader = Reader("request")
        self._answered = 0
        self._continued = 0
        self._answering: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport
        self.received = bytearray()
        self.fault: str | None = None
        self.is_lost = False

    @property
    def messages(self) -> list[Message]:
        """The requests that came whole."""
        return self._reader.whole

    @property
    def partial(self) -> Message | None:
        """The request whose body did not come whole."""
        return self._reader.partial

    @property
    def rest(self) -> bytes:
        """What came and is no whole head."""
        return self._reader.rest

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The gateway has connected."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's is one without saying so
        self._capture.connections.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, whoever ended it."""
        del exc
        self.is_lost = True
        self._reader.end()
        self._capture.changes.happened()

    def data_received(self, data: bytes) -> None:
        """Keep and read."""
        self.received += data
        try:
            self._reader.feed(data)
        except Fault as fault:
            self.fault = str(fault)
            self._transport.abort()
            return
        self._answer_next()
        self._capture.changes.happened()

    def forget(self) -> None:
        """Forget what was answered: the connection is as it was when it was made, but not new."""
        self._reader = Reader("request")
        self._answered = self._continued = 0
        self.received.clear()

    def push(self, data: bytes) -> None:
        """Write what nobody asked for."""
        self._transport.write(data)

    def end(self) -> None:
        """Close it."""
        if not self.is_lost:
            self._transport.close()

    def _answer_next(self) -> None:
        if self._answering is not None or self._answered == len(self._reader.messages):
            return
        message = self._reader.messages[self._answered]
        script = self._capture.script or self._capture.answers(message)
        if script is not None and (message.is_whole or script.early):
            self._capture.script = None
            if script.early:
                self._transport.pause_reading()
            self._answering = asyncio.get_running_loop().create_task(self._play(script))
        elif message.is_whole:
            self._answered += 1
            self._transport.write(OK + (b"" if message.method == b"HEAD" else b"ok"))
            self._answer_next()
        elif self._capture.continues and message.value(b"expect") and self._continued == self._answered:
            self._continued += 1
            self._transport.write(CONTINUE)

    async def _play(self, script: Script) -> None:
        await send(self._transport, script.slice(script.raw))
        self._answered += 1
        self._answering = None
        if script.early:
            self._transport.resume_reading()
        if script.close:
            self.end()
        elif not script.early:
            self._answer_next()
        self._capture.has_played = True
        self._capture.changes.happened()


@dataclass
class Capture:
    """The upstream: `listener` is a bound socket. `continues` has it answer `Expect: 100-continue` with 100.

    `script` is for the next request, `answers` for every other; None is 200.
    """

    listener: socket.socket
    script: Script | None = None
    answers: Callable[[Message], Script | None] = field(default=lambda _: None)
    continues: bool = True
    has_played: bool = False
    connections: list[Connection] = field(default_factory=list)
    changes: Changes = field(default_factory=Changes)
    _server: asyncio.Server = field(init=False)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self), sock=self.listener.dup())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for connection in self.connections:
            connection.end()
        await self.changes.until(lambda: all(connection.is_lost for connection in self.connections))
        await self._server.wait_closed()

    @property
    def open(self) -> list[Connection]:
        """The connections that are open."""
        return [connection for connection in self.connections if not connection.is_lost]

    @property
    def calls(self) -> list[Message]:
        """The requests that came whole, over all connections."""
        return [message for connection in self.connections for message in connection.messages]

    @property
    def received(self) -> bytes:
        """Every byte that came, over all connections."""
        return b"".join(bytes(connection.received) for connection in self.connections)


def bound_socket() -> socket.socket:
    """A socket that listens on a free loopback port."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    listener.setblocking(False)  # noqa: FBT003 - the standard library's signature
    return listener
