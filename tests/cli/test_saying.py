"""What a child says to its supervisor: whole messages in order, however slowly they are read."""

import asyncio
import socket

from exeat.cli.channel import Kind, Messages
from exeat.cli.saying import WAITING_LIMIT_BYTES, Saying


async def read_all(sock: socket.socket, count: int) -> list[tuple[Kind, bytes]]:
    """So many messages."""
    messages = Messages()
    found: list[tuple[Kind, bytes]] = []
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(10):
        while len(found) < count:
            found += messages.feed(await loop.sock_recv(sock, 65536))
    return found


def test_large_messages_stay_whole() -> None:
    """A message that the socket doesn't take at once is followed by the rest of it, and then by the next one."""

    async def talk() -> list[tuple[Kind, bytes]]:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)  # noqa: FBT003 - the standard library's signature
            theirs.setblocking(False)  # noqa: FBT003
            saying = Saying(theirs)
            large = b"x" * 1_000_000
            assert saying.say(Kind.METRICS, large)
            assert saying.say(Kind.READY)
            assert saying.say(Kind.REPORT, b"{}")
            found = await read_all(ours, 3)
            assert saying.say(Kind.APPLIED, b"1")
            return found + await read_all(ours, 1)

    found = asyncio.run(talk())
    assert [kind for kind, _ in found] == [Kind.METRICS, Kind.READY, Kind.REPORT, Kind.APPLIED]
    assert len(found[0][1]) == 1_000_000


def test_what_waits_is_bounded() -> None:
    """Who isn't heard doesn't take memory without end."""

    async def talk() -> int:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.setblocking(False)  # noqa: FBT003
            saying, said = Saying(theirs), 0
            while saying.say(Kind.METRICS, b"x" * 100_000):
                said += 1
            asyncio.get_running_loop().remove_writer(theirs.fileno())
            return said

    assert 1 < asyncio.run(talk()) <= WAITING_LIMIT_BYTES // 100_000 + 10


def test_a_supervisor_that_is_gone() -> None:
    """Nobody minds."""

    async def talk() -> bool:
        ours, theirs = socket.socketpair()
        ours.close()
        with theirs:
            theirs.setblocking(False)  # noqa: FBT003
            return Saying(theirs).say(Kind.READY)

    assert asyncio.run(talk())
