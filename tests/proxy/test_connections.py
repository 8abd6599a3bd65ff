"""How many callers a worker holds: who makes room for a newcomer, and that a visit of the clock is bounded."""

import asyncio

from exeat.proxy import connections as module
from exeat.proxy.connections import Connections
from exeat.proxy.room import Room


class Transport(asyncio.Transport):
    """Only knows that it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Guest:
    """A connection that does what the test says."""

    def __init__(self, since: float = 0.0, *, served: bool = False, busy: bool = False) -> None:
        self.own = Transport()
        self.transport: asyncio.Transport = self.own
        self.since = since
        self.served = served
        self.busy = busy
        self.visits = 0

    def sweep(self, now: float) -> None:
        del now
        self.visits += 1

    def drain(self, now: float) -> None:
        del now
        raise AssertionError

    def idle_since(self) -> tuple[bool, float] | None:
        return None if self.busy else (self.served, self.since)

    def abort(self) -> None:
        self.own.closed = True


class Time:
    """A clock that a test moves."""

    now = 10.0

    def __call__(self) -> float:
        return self.now


def held(limit: int, *guests: Guest) -> tuple[Connections, Time]:
    """Connections that hold these."""
    time = Time()
    connections = Connections(limit, time, Room(20_000))
    assert all(connections.add(guest) for guest in guests)
    return connections, time


def test_the_one_that_never_asked_goes_first_then_the_one_that_is_idle_longest() -> None:
    """Who sent a request before keeps its connection longer than who never did."""
    old, older = Guest(5.0, served=True), Guest(1.0, served=True)
    silent = Guest(7.0)
    connections, _ = held(3, old, older, silent)
    for expected in (silent, older, old):
        assert connections.add(Guest(busy=True))
        assert expected.own.closed
        assert len(connections) == 3
    assert (connections.evicted, connections.refused) == (3, 0)


def test_no_room_where_everybody_is_busy() -> None:
    """A connection that is answered, or was until just now, is never closed for a newcomer."""
    busy, recent = Guest(busy=True), Guest(9.9)
    connections, _ = held(2, busy, recent)
    assert not connections.add(Guest(10.0))
    assert [guest.own.closed for guest in (busy, recent)] == [False, False]
    assert connections.refused == 1


def test_who_became_busy_since_the_search_stays() -> None:
    """The list of idle ones is looked through once for many newcomers; each entry is asked again."""
    first, second, third = Guest(1.0), Guest(2.0), Guest(3.0)
    connections, _ = held(3, first, second, third)
    assert connections.add(Guest(10.0))
    assert first.own.closed
    second.busy = True
    assert connections.add(Guest(10.0))
    assert (second.own.closed, third.own.closed) == (False, True)


def test_looking_for_idle_ones_is_bounded() -> None:
    """A flood of newcomers where none is idle doesn't look through all connections for each of them."""
    asked: list[Guest] = []

    class Busy(Guest):
        def idle_since(self) -> tuple[bool, float] | None:
            asked.append(self)
            return None

    connections, time = held(100, *(Busy() for _ in range(100)))
    for _ in range(50):
        guest = Guest()
        assert not connections.add(guest)
        connections.discard(guest)
    assert len(asked) == 100
    time.now += 2 * module.SEARCH_S
    assert not connections.add(Guest())
    assert len(asked) == 200


def test_handshakes_count_and_a_slow_one_goes_before_any_connection() -> None:
    """TLS handshakes take room; one that doesn't go on makes room, the oldest first."""
    idle, stalled, fresh = Guest(1.0), Guest(), Guest()
    connections, time = held(3, idle)
    assert connections.begin_handshake(stalled)
    time.now += module.HANDSHAKE_S
    assert connections.begin_handshake(fresh)
    assert connections.begin_handshake(Guest())
    assert [guest.own.closed for guest in (stalled, idle, fresh)] == [True, False, False]
    assert connections.begin_handshake(Guest())
    assert [guest.own.closed for guest in (idle, fresh)] == [True, False]
    assert not connections.begin_handshake(Guest())
    connections.end_handshake(fresh)
    assert connections.begin_handshake(Guest())


def test_a_visit_of_the_clock_is_bounded_and_reaches_everybody() -> None:
    """Where there are very many connections, each sweep visits a part, and none is left out or visited when gone."""
    guests = [Guest() for _ in range(2 * module.VISITS_PER_SWEEP + 1)]
    connections, _ = held(10_000, *guests)
    gone = guests[0]
    for expected in (module.VISITS_PER_SWEEP, 2 * module.VISITS_PER_SWEEP):
        connections.sweep(0.0)
        assert sum(guest.visits for guest in guests) == expected
    connections.discard(gone)
    connections.sweep(0.0)
    assert [guest.visits for guest in guests[1:]] == [1] * (len(guests) - 1)
    assert gone.visits == 0


def test_what_is_said_of_it_is_said_once_a_minute() -> None:
    """A log line for the first newcomer without room, the next one a minute later, none where nothing happened."""
    connections, _ = held(1, Guest(busy=True))
    assert not connections.is_worth_saying(0.0)
    assert not connections.add(Guest())
    assert connections.is_worth_saying(1.0)
    assert not connections.add(Guest())
    assert not connections.is_worth_saying(2.0)
    assert connections.is_worth_saying(1.0 + module.SAY_S)
    assert not connections.is_worth_saying(2.0 + 2 * module.SAY_S)
