"""The connections of callers that one worker holds: how many there may be, and the clock that visits them.

Rule 1: their number is bounded. Where the bound is reached, one that nobody would miss makes room for a newcomer: a TLS
handshake that doesn't go on, then the connection that is idle longest, one that never sent a request before one that
did. Where there is none, the newcomer is refused.
Rule 2: a visit of the clock costs a bounded time: where there are very many, each is looked at in its turn.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Protocol

from exeat.proxy.room import Room

VISITS_PER_SWEEP = 1000
SPARE_LIMIT = 1000
SEARCH_S = 0.1  # looking for idle ones among all is done at most this often
IDLE_S = 0.5  # what happened this lately isn't idleness
SAY_S = 60.0
HANDSHAKE_S = 1.0  # a handshake takes less


class Connection(Protocol):
    """A caller's connection, as the clock and the end of the worker see it."""

    transport: asyncio.Transport

    def sweep(self, now: float) -> None:
        """End what takes too long."""

    def drain(self, now: float) -> None:
        """Close as soon as nothing is under way, nor has been a moment ago."""

    def idle_since(self) -> tuple[bool, float] | None:
        """Whether it has sent a whole request before, and since when it does nothing; None while it does something."""


class Handshake(Protocol):
    """A connection whose TLS isn't ready yet."""

    def abort(self) -> None:
        """Drop it."""


class Connections:
    """Those of one worker; `limit` counts the ones whose handshake is under way too.

    `room` is what they share with connections to upstreams.
    """

    def __init__(self, limit: int, clock: Callable[[], float], room: Room) -> None:
        self._limit = limit
        self._clock = clock
        self._room = room
        self._all: dict[Connection, None] = {}
        self._handshakes: dict[Handshake, float] = {}  # since when, the oldest first
        self._to_visit: list[Connection] = []
        self._spare: list[Connection] = []
        self._searched_at = float("-inf")
        self._said = 0
        self._said_at = float("-inf")
        self.refused = 0
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._all) + len(self._handshakes)

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._all))

    def add(self, connection: Connection) -> bool:
        """Hold another one; False where there is no room for it, so that it has to be refused."""
        has_room = self._has_room()
        self._all[connection] = None
        self._count()
        return has_room

    def discard(self, connection: Connection) -> None:
        """A connection is gone."""
        self._all.pop(connection, None)
        self._count()

    def begin_handshake(self, handshake: Handshake) -> bool:
        """A TLS handshake begins; False where there is no room for it."""
        has_room = self._has_room()
        if has_room:
            self._handshakes[handshake] = self._clock()
            self._count()
        return has_room

    def end_handshake(self, handshake: Handshake) -> None:
        """A handshake has ended, well or not."""
        self._handshakes.pop(handshake, None)
        self._count()

    def _count(self) -> None:
        self._room.callers = len(self)

    def sweep(self, now: float) -> None:
        """Visit connections: all of them unless there are very many."""
        if not self._to_visit:
            self._to_visit = list(self._all)
        visits, self._to_visit = self._to_visit[-VISITS_PER_SWEEP:], self._to_visit[:-VISITS_PER_SWEEP]
        for connection in visits:
            if connection in self._all:
                connection.sweep(now)

    def is_worth_saying(self, now: float) -> bool:
        """Whether connections were closed or refused for want of room, and that wasn't said lately."""
        if self.refused + self.evicted == self._said or now - self._said_at < SAY_S:
            return False
        self._said, self._said_at = self.refused + self.evicted, now
        return True

    def _has_room(self) -> bool:
        if (len(self) < self._limit and not self._room.is_full) or self._make_room():
            return True
        self.refused += 1
        return False

    def _make_room(self) -> bool:
        """Close a connection that does nothing; whether there was one."""
        now = self._clock()
        for handshake, since in self._handshakes.items():
            if now - since < HANDSHAKE_S:
                break
            self.evicted += 1
            del self._handshakes[handshake]
            handshake.abort()
            return True
        if not self._spare and now - self._searched_at >= SEARCH_S:
            self._searched_at = now
            self._spare = self._search(now)
        while self._spare:
            connection = self._spare.pop()
            idle = connection.idle_since() if connection in self._all else None
            if idle is not None and now - idle[1] >= IDLE_S:
                self.evicted += 1
                del self._all[connection]
                connection.transport.close()
                return True
        return False

    def _search(self, now: float) -> list[Connection]:
        """The idle ones, the first to go last."""
        found: list[tuple[bool, float, int, Connection]] = []
        for place, connection in enumerate(self._all):
            idle = connection.idle_since()
            if idle is not None and now - idle[1] >= IDLE_S:
                found.append((*idle, place, connection))
        found.sort(reverse=True)
        return [connection for *_, connection in found[-SPARE_LIMIT:]]


class TurnedAway:
    """What a connection meets that there is no room for and that can't be told so: its end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Drop it."""
        transport.abort()  # type: ignore[attr-defined]  # a stream's transport has it

    def data_received(self, data: bytes) -> None:
        """Nobody listens."""

    def eof_received(self) -> bool:
        """Nothing is left to do."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
