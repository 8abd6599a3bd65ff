"""Questions to a real name server (on loopback): both families, the TTL, and what goes wrong."""

import asyncio
import struct
from collections.abc import Awaitable, Callable
from ipaddress import ip_address

import pytest

from exeat.proxy.names import Answer, AresLookup

A, AAAA = 1, 28
NO_SUCH_NAME, SERVER_FAILED = 3, 2
Records = list[tuple[int, int, str]]  # type, TTL in seconds, address


class NameServer(asyncio.DatagramProtocol):
    """Answers from a table; `codes` are names that fail. `asked` are the names that somebody asked for."""

    def __init__(self, records: dict[str, Records], codes: dict[str, int] | None = None) -> None:
        self._records = records
        self._codes = codes or {}
        self._transport: asyncio.DatagramTransport
        self.asked: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # asyncio's own isn't one either

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        labels, at = [], 12
        while length := data[at]:
            labels.append(data[at + 1 : at + 1 + length].decode())
            at += length + 1
        kind = struct.unpack("!H", data[at + 1 : at + 3])[0]
        name = ".".join(labels).lower()
        self.asked.append(name)
        code = self._codes.get(name, 0)
        answers = [self._render(*record) for record in self._records.get(name, []) if record[0] == kind]
        head = data[:2] + struct.pack("!HHHHH", 0x8180 | code, 1, len(answers), 0, 0)
        self._transport.sendto(head + data[12 : at + 5] + b"".join(answers), addr)

    @staticmethod
    def _render(kind: int, ttl_s: int, value: str) -> bytes:
        content = ip_address(value).packed
        return b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, ttl_s, len(content)) + content


def ask(server: NameServer, question: Callable[[AresLookup], Awaitable[None]]) -> None:
    """Ask a server that runs for the length of a question."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: server, ("127.0.0.1", 0))
        try:
            await question(AresLookup(["127.0.0.1"], transport.get_extra_info("sockname")[1]))
        finally:
            transport.close()

    asyncio.run(run())


def test_both_families() -> None:
    """All addresses of a name are found, of both families, and the shortest TTL counts."""
    server = NameServer({"api.test": [(A, 60, "192.0.2.1"), (A, 60, "192.0.2.2"), (AAAA, 20, "2001:db8::1")]})

    async def question(lookup: AresLookup) -> None:
        answer = await lookup("api.test")
        assert sorted(answer.addresses) == ["192.0.2.1", "192.0.2.2", "2001:db8::1"]
        assert answer.ttl_s == 20.0

    ask(server, question)
    assert set(server.asked) == {"api.test"}


def test_one_family() -> None:
    """A name with addresses of one family has those."""
    server = NameServer({"api.test": [(A, 0, "192.0.2.1")]})

    async def question(lookup: AresLookup) -> None:
        assert await lookup("api.test") == Answer(("192.0.2.1",), 0.0)

    ask(server, question)


@pytest.mark.parametrize("code", [NO_SUCH_NAME, SERVER_FAILED, 0])
def test_names_without_an_address(code: int) -> None:
    """A name that isn't there, a server that fails, a name without addresses: each is told, in words."""
    server = NameServer({}, {"nope.test": code})

    async def question(lookup: AresLookup) -> None:
        with pytest.raises(LookupError, match=r"\w+"):
            await lookup("nope.test")

    ask(server, question)
    assert set(server.asked) == {"nope.test"}


@pytest.mark.parametrize("host", ["nope", "nope.test"])
def test_no_search_domains(host: str) -> None:
    """Exactly the name is asked for: a search domain could make another host of it."""
    server = NameServer({}, {host: NO_SUCH_NAME})

    async def question(lookup: AresLookup) -> None:
        with pytest.raises(LookupError):
            await lookup(host)

    ask(server, question)
    assert set(server.asked) <= {host}
