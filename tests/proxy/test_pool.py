"""The pool against a model: requests, dials, answers and losses in any order never break its three rules."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, precondition, rule

from exeat.errors import Code, GatewayError
from exeat.model.decision import Decision
from exeat.model.limits import DEFAULT, Limits
from exeat.model.upstream import Route, Timeouts
from exeat.proxy.dial import Dialler, Trust
from exeat.proxy.drive import Drive
from exeat.proxy.exchange import Answer, BodySink, Caller, Flow
from exeat.proxy.names import Answer as Found
from exeat.proxy.names import Names
from exeat.proxy.outbox import Outbox
from exeat.proxy.pool import WAITER_LIMIT, Pool, Waiter
from exeat.proxy.room import Room
from exeat.proxy.upstream import UpstreamConnection
from tests.support.transports import MemoryLoop, MemoryTransport
from tests.support.values import TIMEOUTS, route

LIMIT = 3
ROUTES = (route("http://one.test"), route("http://two.test"))
REQUEST = b"GET / HTTP/1.1\r\n\r\n"


class Nobody(Caller):
    """A caller to whom nothing matters."""

    @property
    def gateway(self) -> bytes:
        return b""

    def pump_body(self, sink: BodySink) -> None: ...
    def interim(self, status: int, reason: bytes, fields: list[bytes]) -> None: ...
    def begin(self, answer: Answer, content: bytes, *, done: bool) -> None: ...
    def attach(self, source: Flow) -> None: ...
    def content(self, content: bytes, *, last: bool) -> None: ...
    def end(self, trailers: list[bytes]) -> None: ...
    def abort(self, code: Code) -> None: ...
    def pause_body(self) -> None: ...
    def resume_body(self) -> None: ...


async def nowhere(host: str) -> Found:
    """No name is ever asked for."""
    raise AssertionError(host)


class HandDialler(Dialler):
    """Dials when the test says so; `pending` are the dials under way."""

    def __init__(self, loop: MemoryLoop) -> None:
        super().__init__(Names(nowhere, loop.time), (), Trust(), Limits(upstream_connections=LIMIT))
        self._loop = loop
        self.outbox = Outbox()
        self.pending: list[tuple[Route, asyncio.Future[UpstreamConnection]]] = []

    async def dial(
        self, route: Route, timeouts: Timeouts, *, reported: Callable[[Decision], None]
    ) -> UpstreamConnection:
        """Wait for the test."""
        del timeouts, reported
        entry = (route, self._loop.create_future())
        self.pending.append(entry)
        try:
            connection = await entry[1]
        finally:
            self.pending.remove(entry)
        assert isinstance(connection, UpstreamConnection)
        return connection

    def connect(self, place: int) -> MemoryTransport:
        """Let a dial succeed."""
        way, future = self.pending[place]
        connection = UpstreamConnection(way, self.outbox, self.limits)
        transport = MemoryTransport(self._loop, connection, ("192.0.2.1", 80))
        self._loop.do(connection.connection_made, transport)
        self._loop.do(future.set_result, connection)
        return transport

    def refuse(self, place: int) -> None:
        """Let a dial fail."""
        error = GatewayError(Code.CONNECT_FAILED, "refused", untouched=True)
        self._loop.do(self.pending[place][1].set_exception, error)


class Request:
    """One request that waits for, has or had a connection."""

    def __init__(self, way: Route, waiter: Waiter | None) -> None:
        self.way = way
        self.waiter = waiter
        self.connection: UpstreamConnection | None = None
        self.error: GatewayError | None = None


class PoolMachine(RuleBasedStateMachine):
    """What requests, upstreams and time can do to a pool."""

    requests = Bundle("requests")

    def __init__(self) -> None:
        super().__init__()
        self.loop = MemoryLoop()
        self.dialler = HandDialler(self.loop)
        self.pool = Pool(self.dialler, self.loop.time, Room(1000))
        self.transports: list[MemoryTransport] = []
        self.waiting: dict[Route, list[Request]] = {way: [] for way in ROUTES}
        self.busy: list[Request] = []

    def teardown(self) -> None:
        self.loop.do(self.pool.close)
        for request in self.busy:
            assert request.connection is not None
            self.loop.do(self.pool.release, request.connection)
        self.loop.settle()
        assert all(transport.is_closing() for transport in self.transports)
        assert all(total == 0 for total, _, _ in self.pool.counts().values())
        self.loop.close()

    # What requests do

    @rule(target=requests, way=st.sampled_from(ROUTES))
    def ask(self, way: Route) -> Request:
        """A request takes an idle connection, or waits for one."""
        connection = self.pool.take(way)
        if connection is None:
            return self._wait(way)
        assert not self.waiting[way], "an idle connection was given past somebody who waits"
        assert connection.is_reused
        request = Request(way, None)
        self.loop.do(self._begin, request, connection)
        return request

    def _wait(self, way: Route) -> Request:
        request = Request(way, None)

        def ask() -> None:
            waiter = request.waiter = self.pool.wait(way, TIMEOUTS, lambda _: None)
            self.waiting[way].append(request)
            Drive(self._hold(request, waiter), lambda: None).run()

        self.loop.do(ask)
        return request

    async def _hold(self, request: Request, waiter: Waiter) -> None:
        line = self.waiting[request.way]
        try:
            connection = await waiter.wait
        except GatewayError as error:
            self.pool.leave(request.way, waiter)
            request.error = error
            line.remove(request)
            return
        assert line[0] is request, "somebody was served before those who came earlier"
        line.remove(request)
        self._begin(request, connection)

    def _begin(self, request: Request, connection: UpstreamConnection) -> None:
        assert connection.is_open
        assert connection.route is request.way
        assert all(other.connection is not connection for other in self.busy), "one connection serves two requests"
        request.connection = connection
        self.busy.append(request)
        _ = connection.send(REQUEST, b"GET", Nobody(), chunked=False, has_body=False)

    @rule(request=requests, keeps=st.booleans())
    def answer(self, request: Request, *, keeps: bool) -> None:
        """The upstream answers, the connection is given back."""
        if request not in self.busy or request.connection is None:
            return
        connection = request.connection
        fields = b"" if keeps else b"Connection: close\r\n"
        self.loop.do(self._far(connection).deliver, b"HTTP/1.1 204 No Content\r\n" + fields + b"\r\n")
        connection.begin_body()
        self.busy.remove(request)
        self.loop.do(self.pool.release, connection)
        assert keeps or self._far(connection).is_closing(), "a connection that the upstream ends is kept"

    @rule(request=requests)
    def leave(self, request: Request) -> None:
        """A caller goes: its request waits no longer, or drops its connection."""
        if request in self.busy and request.connection is not None:
            self.busy.remove(request)
            self.loop.do(request.connection.close)
        elif request.waiter is not None and request in self.waiting[request.way]:
            self.loop.do(request.waiter.wait.fail, GatewayError(Code.CLIENT_CLOSED, "gone"))

    # What upstreams do

    @precondition(lambda self: self.dialler.pending)
    @rule(data=st.data(), works=st.booleans())
    def dialled(self, data: st.DataObject, *, works: bool) -> None:
        """A dial succeeds or fails."""
        place = data.draw(st.integers(0, len(self.dialler.pending) - 1))
        if works:
            self.transports.append(self.dialler.connect(place))
        else:
            self.dialler.refuse(place)

    @rule(target=requests, request=requests)
    def lose_busy(self, request: Request) -> object:
        """A connection breaks under a request; one that was reused may be stale, so the request asks for a new one."""
        if request not in self.busy or request.connection is None:
            return multiple()
        connection = request.connection
        self.busy.remove(request)
        self.loop.do(self._far(connection).lose, ConnectionResetError())
        connection.close()
        return self._wait(request.way) if connection.is_reused else multiple()

    @rule(data=st.data())
    def lose_any(self, data: st.DataObject) -> None:
        """A connection that nobody uses breaks, or ends, or says something that nobody asked for."""
        used = {id(request.connection) for request in self.busy}
        idle = [each for each in self.transports if not each.is_closing() and id(each.protocol) not in used]
        if idle:
            transport = data.draw(st.sampled_from(idle))
            if data.draw(st.booleans()):
                self.loop.do(transport.lose, None)
            else:
                self.loop.do(transport.deliver, data.draw(st.sampled_from([None, b"x"])))

    @rule(seconds=st.sampled_from([1.0, DEFAULT.upstream_keep_alive_s - 1, DEFAULT.upstream_keep_alive_s + 1]))
    def pass_time(self, seconds: float) -> None:
        """Time passes, and the pool is swept."""
        self.loop.settle(seconds)
        self.loop.do(self.pool.sweep, self.loop.time())

    def _far(self, connection: UpstreamConnection) -> MemoryTransport:
        return next(each for each in self.transports if each.protocol is connection)

    # The rules of the pool

    @invariant()
    def within_the_limit(self) -> None:
        """Connections and dials of a route never exceed its limit."""
        for way in ROUTES:
            assert self._open(way) + self._dials(way) <= LIMIT

    @invariant()
    def nothing_in_use_is_closed(self) -> None:
        """A connection that serves a request is open."""
        for request in self.busy:
            assert request.connection is not None
            assert not self._far(request.connection).is_closing()

    @invariant()
    def nobody_is_lost(self) -> None:
        """Whoever waits has a dial under way for each of the first in line, or the route is full."""
        for way in ROUTES:
            waiting, dials = len(self.waiting[way]), self._dials(way)
            assert dials >= waiting or self._open(way) + dials == LIMIT

    @invariant()
    def counted(self) -> None:
        """The pool's own counts are right."""
        for way in ROUTES:
            busy = sum(request.way is way for request in self.busy)
            total, idle, waiting = self.pool.counts().get(str(way.origin), (0, 0, 0))
            assert total == self._open(way) + self._dials(way)
            assert idle == self._open(way) - busy
            assert waiting == len(self.waiting[way])

    def _open(self, way: Route) -> int:
        return sum(
            not each.is_closing()
            for each in self.transports
            if isinstance(each.protocol, UpstreamConnection) and each.protocol.route is way
        )

    def _dials(self, way: Route) -> int:
        return sum(known is way for known, _ in self.dialler.pending)


TestPool = PoolMachine.TestCase
TestPool.settings = settings(max_examples=150, stateful_step_count=60)


def test_too_many_wait() -> None:
    """Beyond so many waiters a request is refused at once."""
    loop = MemoryLoop()
    pool = Pool(HandDialler(loop), loop.time, Room(1000))

    def ask() -> None:
        for _ in range(WAITER_LIMIT):
            pool.wait(ROUTES[0], TIMEOUTS, lambda _: None)
        with pytest.raises(GatewayError) as caught:
            pool.wait(ROUTES[0], TIMEOUTS, lambda _: None)
        assert caught.value.code is Code.OVERLOADED

    loop.do(ask)
    assert pool.counts() == {"http://one.test": (LIMIT, 0, WAITER_LIMIT)}
    assert not pool.is_full(ROUTES[0])
    loop.do(pool.close)
    loop.settle()
    loop.close()


def test_where_no_more_files_may_be_open() -> None:
    """An idle connection of another route makes room; where all are in use, a request for a new one is refused."""
    loop = MemoryLoop()
    dialler, room = HandDialler(loop), Room(2)
    pool = Pool(dialler, loop.time, room)

    def connection(way: Route) -> UpstreamConnection:
        waiters: list[Waiter] = []
        loop.do(lambda: waiters.append(pool.wait(way, TIMEOUTS, lambda _: None)))
        transport = dialler.connect(0)
        loop.settle()
        assert waiters[0].wait.is_done
        assert isinstance(transport.protocol, UpstreamConnection)
        return transport.protocol

    first, second = connection(ROUTES[0]), connection(ROUTES[0])
    assert (room.upstreams, room.is_full) == (2, True)
    with pytest.raises(GatewayError) as caught:
        loop.do(lambda: pool.leave(ROUTES[1], pool.wait(ROUTES[1], TIMEOUTS, lambda _: None)))
    assert caught.value.code is Code.OVERLOADED
    assert caught.value.untouched
    loop.do(pool.release, second)
    third = connection(ROUTES[1])
    assert (first.is_open, second.is_open, third.is_open) == (True, False, True)
    assert pool.size == room.upstreams == 2
    for each in (first, third):
        loop.do(pool.release, each)
    loop.do(pool.close)
    loop.settle()
    assert (pool.size, pool.counts()) == (0, {})
    loop.close()
