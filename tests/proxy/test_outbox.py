"""Writes of one turn of the loop, made together at its end and in their order."""

import asyncio

import pytest

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


class Record:
    """What has to be safe before anything is sent: whether it is, and what had been sent each time it was asked."""

    def __init__(self, outbox: Outbox, *watched: MemoryTransport) -> None:
        self.is_safe = True
        self.seen: list[list[bytes]] = []
        self._watched = watched
        outbox.before = self._make_safe

    def _make_safe(self) -> bool:
        self.seen.append([transport.sent for transport in self._watched])
        return self.is_safe


def test_records_come_first() -> None:
    """At the end of a turn `before` is called once, before any byte of the turn is sent."""

    async def check() -> None:
        outbox, one, other = Outbox(), transport(), transport()
        record = Record(outbox, one, other)
        outbox.write(one, b"a")
        outbox.write(other, b"b", last=True)
        assert record.seen == []
        await asyncio.sleep(0)
        assert record.seen == [[b"", b""]]
        assert (one.sent, other.sent) == (b"a", b"b")

    run(check())


def test_a_turn_with_nothing_to_send() -> None:
    """What was put down is made safe at the end of the turn also where nothing is sent; once, and not in the next."""

    async def check() -> None:
        outbox, one = Outbox(), transport()
        record = Record(outbox, one)
        outbox.make_due()
        outbox.make_due()
        assert record.seen == []
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert record.seen == [[b""]]
        outbox.make_due()
        outbox.write(one, b"a")
        await asyncio.sleep(0)
        assert (record.seen, one.sent) == ([[b""], [b""]], b"a")

    run(check())


@pytest.mark.parametrize("is_safe", [True, False])
def test_much_is_sent_at_once_only_where_it_is_safe(is_safe: bool) -> None:  # noqa: FBT001 - pytest's own
    """In the middle of a turn much is sent after `before`, and only if that succeeded; at its end in any case."""

    async def check() -> None:
        outbox, one = Outbox(), transport()
        record = Record(outbox, one)
        record.is_safe = is_safe
        outbox.write(one, b"x" * AT_ONCE_BYTES)
        assert record.seen == [[b""]]
        assert len(one.sent) == (AT_ONCE_BYTES if is_safe else 0)
        await asyncio.sleep(0)
        assert len(one.sent) == AT_ONCE_BYTES

    run(check())


@pytest.mark.parametrize("size", [1, AT_ONCE_BYTES, 10 * AT_ONCE_BYTES])
def test_the_end_of_an_answer_waits_for_its_record(size: int) -> None:
    """What completes an answer is never sent before the end of the turn, however much it is."""

    async def check() -> None:
        outbox, one = Outbox(), transport()
        record = Record(outbox, one)
        outbox.write(one, b"x" * size, last=True)
        assert (record.seen, one.sent) == ([], b"")
        await asyncio.sleep(0)
        assert (record.seen, len(one.sent)) == ([[b""]], size)

    run(check())


def test_relieving() -> None:
    """Once its record is put down, much that waits can be sent before the next request is served; little waits on."""

    async def check() -> None:
        outbox, one = Outbox(), transport()
        record = Record(outbox, one)
        outbox.write(one, b"little", last=True)
        outbox.relieve()
        assert (record.seen, one.sent) == ([], b"")
        outbox.write(one, b"x" * AT_ONCE_BYTES, last=True)
        record.is_safe = False
        outbox.relieve()
        assert (record.seen, one.sent) == ([[b""]], b"")
        record.is_safe = True
        outbox.relieve()
        assert one.sent == b"little" + b"x" * AT_ONCE_BYTES
        outbox.write(one, b"little", last=True)
        outbox.relieve()
        assert len(record.seen) == 2, "what was much is sent"

    run(check())


def test_flushing_makes_records_safe() -> None:
    """A flush in the middle of a turn comes after `before` too."""

    async def check() -> None:
        outbox, one = Outbox(), transport()
        record = Record(outbox, one)
        outbox.write(one, b"last words", last=True)
        outbox.flush()
        assert (record.seen, one.sent) == ([[b""]], b"last words")

    run(check())


def test_what_is_ended_by_its_record_does_not_leave() -> None:
    """What `before` adds to a turn leaves with it; a connection that it closes sends nothing any more."""

    async def check() -> None:
        outbox, one, other = Outbox(), transport(), transport()

        def refuse() -> bool:
            one.abort()
            outbox.write(other, b"503", last=True)
            return False

        outbox.write(one, b"request")
        outbox.before = refuse
        await asyncio.sleep(0)
        assert (one.sent, other.sent) == (b"", b"503")

    run(check())
