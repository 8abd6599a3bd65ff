"""Callers of a chain: those that send hostile bytes, and bystanders who only want their own answers."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from tests.support.capture import Script
from tests.support.messages import Fault, Message, Reader

LIMIT_S = 10.0
READ_BYTES = 64 * 1024
# How long a hostile caller waits for the first byte of an answer, and after the last one. Only how much of the
# conversation is seen depends on it; what is required holds at every moment of it.
FIRST_S = 0.5
QUIET_S = 0.08


def echo(message: Message) -> Script:
    """The upstream's answer: it names the caller and the target that it is meant for."""
    body = answer_to(b",".join(message.values(b"case")), message.target)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(body)
    return Script(head + (b"" if message.method == b"HEAD" else body))


def answer_to(consumer: bytes, target: bytes) -> bytes:
    """The body of that answer."""
    return b"for=%b;%b" % (consumer, target)


async def converse(port: int, parts: Iterable[bytes], *, half_close: bool = False) -> bytes:
    """Send the parts, each once it is quiet after the one before; everything that comes back."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    received = bytearray()
    try:
        with suppress(ConnectionError):
            for part in parts:
                writer.write(part)
                await writer.drain()
                if half_close:
                    writer.write_eof()
                received += await _until_quiet(reader)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    return bytes(received)


async def _until_quiet(reader: asyncio.StreamReader) -> bytes:
    received, patience_s = bytearray(), FIRST_S
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout(patience_s):
                data = await reader.read(READ_BYTES)
            if not data:
                break
            received += data
            patience_s = QUIET_S
    return bytes(received)


@dataclass(frozen=True)
class Call:
    """What a bystander got: `status` 0 is no whole answer."""

    consumer: str
    target: str
    status: int
    body: bytes

    @property
    def is_own(self) -> bool:
        """Whether it is the one answer that was meant for this call."""
        return self.status == 200 and self.body == answer_to(self.consumer.encode(), self.target.encode())


@dataclass
class Bystander:
    """A caller who shares every connection pool with the hostile ones, on a connection of its own that it keeps."""

    consumer: str
    key: bytes
    port: int
    calls: list[Call] = field(default_factory=list)
    _streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self) -> Call:
        """Ask for something that nobody else asks for."""
        target = f"/own/{len(self.calls)}"
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self.port)
        lines = f"Host: gw.test\r\nExeat-Key: {self.key.decode()}\r\nCase: {self.consumer}\r\n\r\n"
        self._streams[1].write(f"GET /s{target} HTTP/1.1\r\n{lines}".encode())
        answer = await self._read(self._streams[0])
        if answer is None or answer.value(b"connection") == b"close":
            await self.leave()
        call = Call(self.consumer, target, *((0, b"") if answer is None else (answer.status, answer.body)))
        self.calls.append(call)
        return call

    async def _read(self, stream: asyncio.StreamReader) -> Message | None:
        """The next answer; None if it didn't come whole, or more than one came."""
        reader = Reader("response", [b"GET"])
        with suppress(Fault, ConnectionError, TimeoutError):
            async with asyncio.timeout(LIMIT_S):
                while not reader.whole and (data := await stream.read(READ_BYTES)):
                    reader.feed(data)
        return reader.messages[0] if len(reader.messages) == len(reader.whole) == 1 and not reader.rest else None

    async def leave(self) -> None:
        """End its connection."""
        if self._streams is not None:
            self._streams[1].close()
            with suppress(ConnectionError):
                await self._streams[1].wait_closed()
            self._streams = None
