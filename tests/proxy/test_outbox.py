"""Writes of one turn of the loop, made together at its end and in their order."""

import asyncio

from exeat.proxy.outbox import AT_ONCE_BYTES, Outbox
from tests.support.transports import MemoryTransport, run


class Sink(asyncio.Protocol):
    """Nothing comes back."""


class Closed(MemoryTransport):
    """A transport that complains about a write after its end, as some do."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Complain."""
        del data
        raise RuntimeError("closed")


def transport() -> MemoryTransport:
    return MemoryTransport(asyncio.get_running_loop(), Sink(), None)


def test_writes_wait_for_the_end_of_the_turn() -> None:
    """Nothing is written before the turn ends; then everything is, in order."""

    async def check() -> None:
        outbox, one, other = Outbox(), transport(), transport()
        for piece in (b"a", b"b"):
            outbox.write(one, piece)
            outbox.write(other, piece.upper())
        assert (one.sent, other.sent) == (b"", b"")
        await asyncio.sleep(0)
        assert (one.sent, other.sent) == (b"ab", b"AB")
        outbox.write(one, b"c")
        await asyncio.sleep(0)
        assert one.sent == b"abc"

    run(check())


def test_much_is_written_at_once() -> None:
    """A large piece doesn't wait, and what was written before it goes first."""

    async def check() -> None:
        outbox, one = Outbox(), transport()
        outbox.write(one, b"head ")
        outbox.write(one, b"x" * AT_ONCE_BYTES)
        assert one.sent == b"head " + b"x" * AT_ONCE_BYTES

    run(check())


def test_flushing() -> None:
    """Before a connection is closed everything is written; a flush with nothing to write is none."""

    async def check() -> None:
        outbox, one = Outbox(), transport()
        outbox.flush()
        outbox.write(one, b"last words")
        outbox.flush()
        one.close()
        await asyncio.sleep(0)
        assert one.sent == b"last words"

    run(check())


def test_one_that_has_closed_takes_nothing_from_the_others() -> None:
    """A transport that can't be written to any more costs its own bytes only."""

    async def check() -> None:
        outbox, one, other = Outbox(), transport(), transport()
        outbox.write(one, b"a")
        outbox.write(Closed(asyncio.get_running_loop(), Sink(), None), b"lost")
        outbox.write(other, b"b")
        await asyncio.sleep(0)
        assert (one.sent, other.sent) == (b"a", b"b")

    run(check())
