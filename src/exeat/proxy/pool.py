"""Connections to upstreams: idle ones by route, who waits for one in the order they came, and a bound on both.

Rule 1: counts are kept as things change; nothing is scanned on the way of a request.
Rule 2: idle, busy and being dialled together never exceed the limit of a route.
Rule 3: where the process may open no more files, an idle connection of any route makes room for one that is needed.
Rule 4: a connection that serves a request is never closed by the pool, and a waiter is never lost.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from exeat.errors import Code, GatewayError
from exeat.model.decision import Decision
from exeat.model.upstream import Route, Timeouts
from exeat.proxy.dial import Dialler
from exeat.proxy.drive import Wait
from exeat.proxy.room import Room
from exeat.proxy.upstream import UpstreamConnection

WAITER_LIMIT = 1000


class Waiter:
    """One request that waits for a connection."""

    __slots__ = ("reported", "timeouts", "wait")

    def __init__(self, timeouts: Timeouts, reported: Callable[[Decision], None]) -> None:
        self.wait: Wait[UpstreamConnection] = Wait()
        self.timeouts = timeouts
        self.reported = reported


class Lane:
    """What the pool knows of one route."""

    __slots__ = ("count", "dialling", "idle", "route", "waiting")

    def __init__(self, route: Route) -> None:
        self.route = route
        self.idle: deque[UpstreamConnection] = deque()
        self.waiting: deque[Waiter] = deque()
        self.count = 0
        self.dialling = 0


class Pool:
    """The connections of one worker; `room` is what they share with those of callers."""

    def __init__(self, dialler: Dialler, clock: Callable[[], float], room: Room) -> None:
        self._dialler = dialler
        self._clock = clock
        self._room = room
        self._limit = dialler.limits.upstream_connections
        self._keep_alive_s = dialler.limits.upstream_keep_alive_s
        self._lanes: dict[str, Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def size(self) -> int:
        """How many connections there are, those that are being made among them."""
        return self._room.upstreams

    def take(self, route: Route, *, fresh: bool = False) -> UpstreamConnection | None:
        """An idle connection, the one that was used last; None if there is none, or a `fresh` one is wanted."""
        lane = self._lanes.get(route.pool)
        if lane is None or fresh:
            return None
        while lane.idle:
            connection = lane.idle.pop()
            if connection.is_open:
                connection.is_reused = True
                return connection
            connection.close()
        return None

    def wait(self, route: Route, timeouts: Timeouts, reported: Callable[[Decision], None]) -> Waiter:
        """Wait for a connection: one that is given back, or a new one, whichever comes first."""
        lane = self._lanes.get(route.pool)
        if lane is None:
            lane = self._lanes[route.pool] = Lane(route)
        if len(lane.waiting) >= WAITER_LIMIT:
            raise GatewayError(Code.OVERLOADED, f"Too many requests wait for {route.origin.authority}.", untouched=True)
        if not lane.count and not self._has_room():
            self._forget_if_empty(lane)
            raise GatewayError(Code.OVERLOADED, "The gateway holds as many connections as it may.", untouched=True)
        waiter = Waiter(timeouts, reported)
        lane.waiting.append(waiter)
        self._dial_if_needed(lane)
        return waiter

    def leave(self, route: Route, waiter: Waiter) -> None:
        """A request waits no longer."""
        lane = self._lanes.get(route.pool)
        if lane is not None and waiter in lane.waiting:
            lane.waiting.remove(waiter)

    def release(self, connection: UpstreamConnection) -> None:
        """Give a connection back after its request; one that can't be used again is closed."""
        lane = self._lanes.get(connection.route.pool)
        if lane is None or not connection.is_reusable or self._closed:
            connection.close()
            return
        if not self._offer(lane, connection, reused=True):
            connection.idle_since = self._clock()
            lane.idle.append(connection)

    def _offer(self, lane: Lane, connection: UpstreamConnection, *, reused: bool) -> bool:
        while lane.waiting:
            waiter = lane.waiting.popleft()
            if not waiter.wait.is_done:
                connection.is_reused = reused
                waiter.wait.set(connection)
                return True
        return False

    def _dial_if_needed(self, lane: Lane) -> None:
        while lane.dialling < len(lane.waiting) and lane.count < self._limit and not self._closed and self._has_room():
            self._add(lane, 1)
            waiter = lane.waiting[lane.dialling]
            lane.dialling += 1
            task = asyncio.get_running_loop().create_task(self._dial(lane, waiter))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _has_room(self) -> bool:
        """Whether another connection may be opened; where none may, one that is idle is given up for it."""
        if not self._room.is_full:
            return True
        for lane in self._lanes.values():
            if lane.idle:
                connection = lane.idle.popleft()
                connection.lost = None  # it counts no more, from now on
                self._add(lane, -1)
                connection.close()
                self._forget_if_empty(lane)
                return True
        return False

    def _add(self, lane: Lane, count: int) -> None:
        lane.count += count
        self._room.upstreams += count

    async def _dial(self, lane: Lane, waiter: Waiter) -> None:
        """Dial one connection for whoever waits first; a failure goes to the one it was begun for, or the first."""
        try:
            connection = await self._dialler.dial(lane.route, waiter.timeouts, reported=waiter.reported)
        except GatewayError as error:
            self._dial_failed(lane, waiter, error)
            return
        except BaseException:
            self._dial_failed(lane, waiter, GatewayError(Code.CONNECT_FAILED, "Dialling was given up.", untouched=True))
            raise
        if not connection.is_open:
            self._dial_failed(lane, waiter, _closed_at_once(lane.route))
            return
        connection.lost = self._lost
        lane.dialling -= 1
        if self._closed:
            connection.close()
        elif not self._offer(lane, connection, reused=False):
            connection.idle_since = self._clock()
            lane.idle.append(connection)

    def _dial_failed(self, lane: Lane, waiter: Waiter, error: GatewayError) -> None:
        lane.dialling -= 1
        self._add(lane, -1)
        if waiter in lane.waiting:
            lane.waiting.remove(waiter)
        elif lane.waiting:
            waiter = lane.waiting.popleft()
        self._dial_if_needed(lane)
        waiter.wait.fail(error)
        self._forget_if_empty(lane)

    def _lost(self, connection: UpstreamConnection) -> None:
        lane = self._lanes.get(connection.route.pool)
        if lane is None:
            return
        self._add(lane, -1)
        if connection in lane.idle:
            lane.idle.remove(connection)
        self._dial_if_needed(lane)
        self._forget_if_empty(lane)

    def _forget_if_empty(self, lane: Lane) -> None:
        if not lane.count and not lane.waiting and not lane.dialling:
            self._lanes.pop(lane.route.pool, None)

    def sweep(self, now: float) -> None:
        """Close what was idle for too long."""
        for lane in list(self._lanes.values()):
            while lane.idle and now - lane.idle[0].idle_since > self._keep_alive_s:
                lane.idle.popleft().close()

    def close_idle(self) -> None:
        """Close what nobody uses now."""
        for lane in list(self._lanes.values()):
            while lane.idle:
                lane.idle.popleft().close()

    def close(self) -> None:
        """Close everything idle; what is busy is closed when it is given back."""
        self._closed = True
        self.close_idle()
        for task in list(self._tasks):
            task.cancel()

    def is_full(self, route: Route) -> bool:
        """Whether the limit of connections is what keeps a request waiting."""
        lane = self._lanes.get(route.pool)
        return lane is not None and lane.count >= self._limit and not lane.dialling

    def counts(self) -> dict[str, tuple[int, int, int]]:
        """Connections, idle ones and waiters by origin."""
        return {
            str(lane.route.origin): (lane.count, len(lane.idle), len(lane.waiting)) for lane in self._lanes.values()
        }


def _closed_at_once(route: Route) -> GatewayError:
    detail = f"{route.origin.authority} closed the connection as soon as it was made."
    return GatewayError(Code.CONNECT_FAILED, detail, untouched=True)
