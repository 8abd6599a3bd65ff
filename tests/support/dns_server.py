"""A name server on loopback, over UDP and TCP, that says what a test tells it and can change its mind.

It answers as RFC 1035 §4 writes messages, and, where a test wants it, as nobody should: late, never, under another
name or identifier, or with more than was asked for.
"""

import asyncio
import contextlib
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from types import TracebackType
from typing import Literal, NamedTuple, Self

from exeat.proxy.names import AresLookup

A, CNAME, AAAA = 1, 5, 28
NO_ERROR, SERVER_FAILED, NO_SUCH_NAME, REFUSED = 0, 2, 3, 5
UDP_LIMIT_BYTES = 1232  # what fits into one packet anywhere; resolvers don't announce more
ANSWER_TO_A_QUESTION, TRUNCATED = 0x8180, 0x0200
PORT_TRIES = 20

Way = Literal["udp", "tcp"]


class Record(NamedTuple):
    """One record: an address, or for a CNAME the name that it leads to; `owner` is the name asked for where empty."""

    kind: int
    value: str
    ttl_s: int = 60
    owner: str = ""


class Question(NamedTuple):
    """What somebody asked: name, type, and over what."""

    name: str
    kind: int
    way: Way


@dataclass(frozen=True)
class Reply:
    """What is said to a question.

    Records of its type and CNAMEs are in the answer, those in `additional` beside it. `truncated` shortens what goes
    over UDP. `other_id` and `other_question` make it the answer to something else.
    """

    records: tuple[Record, ...] = ()
    additional: tuple[Record, ...] = ()
    code: int = NO_ERROR
    delay_s: float = 0.0
    silent: bool = False
    truncated: bool = False
    other_id: bool = False
    other_question: str | None = None


SILENCE = Reply(silent=True)


def addresses(*texts: str, ttl_s: int = 60) -> Reply:
    """The addresses of a name, of both families."""
    return Reply(tuple(address(text, ttl_s=ttl_s) for text in texts))


def address(text: str, *, owner: str = "", ttl_s: int = 60) -> Record:
    """One address."""
    return Record(A if ip_address(text).version == 4 else AAAA, text, ttl_s, owner)


def chain(*names: str, to: Iterable[str], ttl_s: int = 60) -> Reply:
    """A name that is an alias of the first of `names`, each of them of the next, and the last has these addresses."""
    owners = ("", *names)
    aliases = [Record(CNAME, name, ttl_s, owner) for owner, name in zip(owners, names, strict=False)]
    return Reply((*aliases, *(address(text, owner=owners[-1], ttl_s=ttl_s) for text in to)))


class NameServer:
    """A name server, from `async with` until its end; `asked` are all questions.

    Each name has its replies in order, the last one again and again; a look-up takes the next one for each type that
    it asks for. A name that isn't known doesn't exist.
    """

    def __init__(self, zone: Mapping[str, Reply] | None = None, host: str = "127.0.0.1", port: int = 0) -> None:
        self._zone: dict[str, tuple[Reply, ...]] = {name: (reply,) for name, reply in (zone or {}).items()}
        self._host = host
        self._wanted_port = port
        self._counts: Counter[tuple[str, int]] = Counter()
        self._pending: list[asyncio.TimerHandle] = []
        self._lookups: list[AresLookup] = []
        self._udp: asyncio.DatagramTransport
        self._tcp: asyncio.Server
        self._news = asyncio.Event()
        self.asked: list[Question] = []
        self.port = port

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        datagrams, listener = _sockets(self._host, self._wanted_port)
        self.port = datagrams.getsockname()[1]
        self._udp, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=datagrams)
        self._tcp = await loop.create_server(lambda: _Stream(self), sock=listener)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for handle in self._pending:
            handle.cancel()
        for lookup in self._lookups:
            await lookup.close()
        self._udp.close()
        self._tcp.close()
        await asyncio.sleep(0)

    def lookup(self) -> AresLookup:
        """A resolver of Exeat's that asks this server and no other; it ends with the server."""
        self._lookups.append(AresLookup([self._host], self.port))
        return self._lookups[-1]

    def say(self, name: str, *replies: Reply) -> None:
        """From now on reply so to questions for a name."""
        self._zone[name] = replies
        for kind in (A, AAAA):
            self._counts.pop((name, kind), None)

    def count(self, name: str) -> int:
        """How many times a name was asked for its IPv4 addresses: once in each look-up."""
        return self._counts[name, A]

    async def until(self, name: str, count: int) -> None:
        """Wait until a name was asked for so many times."""
        while self.count(name) < count:
            self._news.clear()
            await self._news.wait()

    def answer(self, data: bytes, way: Way, send: Callable[[bytes], None]) -> None:
        """Answer a message, now or later, if at all."""
        name, kind, end = _question(data)
        self.asked.append(Question(name, kind, way))
        replies = self._zone.get(name, (Reply(code=NO_SUCH_NAME),))
        reply = replies[min(self._counts[name, kind], len(replies) - 1)]
        rendered = _render(reply, data, kind, end)
        if way == "udp" and (reply.truncated or len(rendered) > UDP_LIMIT_BYTES):
            rendered = _render(replace(reply, records=(), additional=()), data, kind, end, TRUNCATED)
        else:
            self._counts[name, kind] += 1
            self._news.set()
        if reply.delay_s:
            self._pending.append(asyncio.get_running_loop().call_later(reply.delay_s, send, rendered))
        elif not reply.silent:
            send(rendered)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, server: NameServer) -> None:
        self._server = server
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # asyncio's own isn't one either

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._server.answer(data, "udp", lambda rendered: self._transport.sendto(rendered, addr))


class _Stream(asyncio.Protocol):
    """Messages over TCP, each after its length (RFC 1035 §4.2.2)."""

    def __init__(self, server: NameServer) -> None:
        self._server = server
        self._buffer = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's is one without saying so

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 2 and len(self._buffer) >= (end := 2 + int.from_bytes(self._buffer[:2])):
            message, self._buffer = self._buffer[2:end], self._buffer[end:]
            self._server.answer(message, "tcp", self._send)

    def _send(self, message: bytes) -> None:
        self._transport.write(len(message).to_bytes(2) + message)


def _sockets(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A socket for datagrams and one that listens, at one port."""
    for _ in range(PORT_TRIES):
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        datagrams.bind((host, port))
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError):
            listener.bind((host, datagrams.getsockname()[1]))
            listener.listen()
            return datagrams, listener
        datagrams.close()
        listener.close()
    raise AssertionError("no port is free for both UDP and TCP")


def _question(data: bytes) -> tuple[str, int, int]:
    """Name and type of a message's question, and where it ends."""
    labels, at = [], 12
    while length := data[at]:
        labels.append(data[at + 1 : at + 1 + length].decode("latin-1"))
        at += length + 1
    return ".".join(labels).lower(), int(struct.unpack("!H", data[at + 1 : at + 3])[0]), at + 5


def _render(reply: Reply, data: bytes, kind: int, end: int, flags: int = 0) -> bytes:
    listed = [record for record in reply.records if record.kind in {kind, CNAME}]
    name = data[12 : end - 4]
    number = data[:2] if not reply.other_id else bytes([data[0] ^ 0xFF, data[1]])
    asked = name if reply.other_question is None else _name(reply.other_question)
    counts = struct.pack("!HHHH", 1, len(listed), 0, len(reply.additional))
    records = [_record(record, name) for record in (*listed, *reply.additional)]
    head = number + struct.pack("!H", ANSWER_TO_A_QUESTION | flags | reply.code) + counts
    return head + asked + data[end - 4 : end] + b"".join(records)


def _record(record: Record, name: bytes) -> bytes:
    content = _name(record.value) if record.kind == CNAME else ip_address(record.value).packed
    owner = _name(record.owner) if record.owner else name
    return owner + struct.pack("!HHIH", record.kind, 1, record.ttl_s, len(content)) + content


def _name(text: str) -> bytes:
    """A name without compression (RFC 1035 §3.1)."""
    return b"".join(bytes([len(label)]) + label.encode("latin-1") for label in text.split(".") if label) + b"\0"
