"""Limits as one worker counts them: what passes, what is refused, who stands in line and in which order."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import Code, GatewayError
from exeat.model.limit import SECOND_NS, Kind, Limit, Per, Scope
from exeat.model.snapshot import Snapshot
from exeat.policy.authorize import Permit, permit_upstreams
from exeat.proxy.admission import Admission
from exeat.proxy.drive import Drive, Wait
from exeat.proxy.exchange import Exchange
from exeat.proxy.nobody import Nobody
from exeat.state.register import VALUES_LIMIT, Register
from tests.support.transports import MemoryLoop
from tests.support.values import consumer, grant, head, key, snapshot, upstream

NUMBERS = itertools.count()


def rate(amount: int, period_s: float, burst: int | None = None, **more: Any) -> Limit:
    """A rate of a consumer."""
    given: dict[str, Any] = {"name": "rate", "scope": Scope.CONSUMER, "owner": "shop"} | more
    identifier = f"{given['scope']}/{given['owner']}/rate/{given['name']}/{period_s}"
    period = int(period_s * SECOND_NS)
    return Limit(identifier, kind=Kind.RATE, amount=amount, period=period, burst=burst or amount, **given)


def concurrency(amount: int, **more: Any) -> Limit:
    """A limit of concurrency of a consumer."""
    given: dict[str, Any] = {"name": "concurrency", "scope": Scope.CONSUMER, "owner": "shop"} | more
    return Limit(f"{given['scope']}/{given['owner']}/{given['name']}", kind=Kind.CONCURRENCY, amount=amount, **given)


class Request:
    """One request on its way through phase 5: when it passed (s), or why it didn't."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.passed_at: float | None = None
        self.error: GatewayError | None = None
        self.exchange: Exchange
        self.ended: Wait[None] = Wait()

    @property
    def code(self) -> Code | None:
        return None if self.error is None else self.error.code


class Desk:
    """The admission of one worker whose clock is the loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, *limits: Limit, **owned: tuple[Limit, ...]) -> None:
        self.loop = loop
        self.admission = Admission(Register(), lambda: int(loop.time() * SECOND_NS))
        self.passed: list[Request] = []
        self.use(*limits, **owned)

    def use(self, *limits: Limit, **owned: tuple[Limit, ...]) -> None:
        """Go by these limits: those of the consumer first, others by whom they belong to."""
        self.api = replace(upstream(), limits=owned.get("upstream", ()))
        granted = replace(grant("api"), limits=owned.get("grant", ()))
        one = consumer({"api": [granted]})
        self.keys = {
            name: replace(key(replace(one, name=name, limits=limits)), id=name, limits=owned.get("key", ()))
            for name in ("shop", "app")
        }
        known = {each.id.encode(): each for each in self.keys.values()}
        self.snapshot: Snapshot = replace(snapshot(self.api, known=known), limits=owned.get("gateway", ()))
        self.admission.follow(self.snapshot)

    def ask(
        self,
        *fields: str,
        owner: str = "shop",
        address: str = "192.0.2.1",
        sent: bool = True,
        ends_in: float | None = None,
    ) -> Request:
        """A request arrives."""
        request = Request(next(NUMBERS))
        request.exchange = exchange = Exchange(head(*fields), self.snapshot, Nobody())
        exchange.key, exchange.address, exchange.was_sent = self.keys[owner], address, sent
        exchange.ends_at = None if ends_in is None else self.loop.time() + ends_in
        permit = permit_upstreams((self.api,), None, self.keys[owner].consumer, b"GET", b"/")
        exchange.drive = Drive(self._pass(request, permit), lambda: None)
        exchange.drive.run()
        return request

    async def _pass(self, request: Request, permit: Permit) -> None:
        exchange = request.exchange
        try:
            if self.admission.is_needed and not self.admission.admit(exchange, permit):
                await self.admission.stand(exchange, permit, self.loop.time())
            request.passed_at = self.loop.time()
            self.passed.append(request)
            await request.ended
        except GatewayError as error:
            request.error = error
        finally:
            self.admission.settle(exchange)

    def end(self, request: Request) -> None:
        """The exchange of a request ends."""
        request.ended.set(None)

    def leave(self, request: Request) -> None:
        """The caller of a request has gone."""
        request.exchange.drive.interrupt(GatewayError(Code.CLIENT_CLOSED, "gone"))

    async def sleep(self, seconds: float) -> None:
        """Time passes."""
        await asyncio.sleep(seconds)


def run(test: Callable[[asyncio.AbstractEventLoop], Coroutine[Any, Any, None]]) -> None:
    """Run a test on a loop whose clock moves by itself."""
    loop = MemoryLoop()
    try:
        loop.run_until_complete(test(loop))
    finally:
        loop.close()


def passed(requests: list[Request]) -> int:
    return sum(request.passed_at is not None for request in requests)


def test_a_rate_lets_its_burst_pass_and_then_one_per_interval() -> None:
    """What is over it is refused untouched, with the time after which the next one passes."""

    async def test(loop: asyncio.AbstractEventLoop) -> None:
        desk = Desk(loop, rate(60, 60, burst=3))
        first = [desk.ask() for _ in range(5)]
        assert passed(first) == 3
        error = first[-1].error
        assert error is not None
        assert (error.code, error.untouched, error.retry_after) == (Code.RATE_LIMITED, True, 1)
        assert "shop" not in error.detail
        await desk.sleep(2.0)
        assert passed([desk.ask() for _ in range(5)]) == 2

    run(test)


def test_a_refusal_by_one_limit_spends_nothing_of_the_others() -> None:
    """All limits are one question: a request spends from all of them or from none."""

    async def test(loop: asyncio.AbstractEventLoop) -> None:
        everybody = (concurrency(2, scope=Scope.GATEWAY),)
        desk = Desk(loop, rate(100, 60), gateway=everybody, key=(rate(50, 60, scope=Scope.KEY),))
        running = [desk.ask() for _ in range(2)]
        assert [desk.ask().code for _ in range(200)] == [Code.TOO_MANY_CONCURRENT] * 200
        for request in running:
            desk.end(request)
        done = 0
        for _ in range(200):
            request = desk.ask()
            done += request.passed_at is not None
            desk.end(request)
        assert done == 48

    run(test)


def test_limits_of_everybody_concerned_apply() -> None:
    """Gateway, consumer, key, grant and upstream: whichever is tightest refuses, and says whose limit it is."""

    async def test(loop: asyncio.AbstractEventLoop) -> None:
        for scope in Scope:
            own, wide = (rate(1, 60, scope=scope),), (rate(50, 60, name="wide"),)
            desk = Desk(loop, *own) if scope is Scope.CONSUMER else Desk(loop, *wide, **{str(scope): own})
            requests = [desk.ask() for _ in range(2)]
            assert passed(requests) == 1
            assert requests[1].error is not None
            assert f"of the {scope} is reached" in requests[1].error.detail

    run(test)


def test_a_limit_is_split_by_address_and_field() -> None:
    """Each address (an IPv6 network of 64 bits) and each value of a field has its own."""

    async def test(loop: asyncio.AbstractEventLoop) -> None:
        desk = Desk(loop, rate(1, 60, per=Per("ip")))
        assert desk.ask(address="192.0.2.1").code is None
        assert desk.ask(address="192.0.2.2").code is None
        assert desk.ask(address="192.0.2.1").code is Code.RATE_LIMITED
        assert desk.ask(address="2001:db8::1").code is None
        assert desk.ask(address="2001:db8::2:1").code is Code.RATE_LIMITED
        desk = Desk(loop, rate(1, 60, per=Per("header", b"x-tenant")))
        assert [desk.ask(f"X-Tenant: {tenant}").code for tenant in ("a", "b")] == [None, None]
        assert desk.ask("X-Tenant: a").code is Code.RATE_LIMITED
        assert desk.ask().code is None
        assert desk.ask().code is Code.RATE_LIMITED

    run(test)


def test_values_beyond_the_bound_share_one_cell() -> None:
    """Whoever makes up new values gets no more for it, and no memory either; what is idle makes room."""

    async def test(loop: asyncio.AbstractEventLoop) -> None:
        desk = Desk(loop, rate(2, 60, per=Per("header", b"x-tenant")))
        assert passed([desk.ask(f"X-Tenant: {number}") for number in range(VALUES_LIMIT + 50)]) == VALUES_LIMIT + 2
        await desk.sleep(200)
        desk.admission.tend()
        assert passed([desk.ask(f"X-Tenant: new-{number}") for number in range(100)]) == 100

    run(test)


def test_a_change_of_the_document_keeps_what_was_counted() -> None:
    """A rate that is raised lets the difference pass, not everything anew; what runs still counts."""

    async def test(loop: asyncio.AbstractEventLoop) -> None:
        desk = Desk(loop, rate(10, 600), concurrency(30))
        assert passed([desk.ask() for _ in range(20)]) == 10
        desk.use(rate(15, 600), concurrency(30))
        assert passed([desk.ask() for _ in range(20)]) <= 5
        desk.use(concurrency(30))
        running = len(desk.passed)
        assert passed([desk.ask() for _ in range(40)]) == 30 - running

    run(test)


def test_report_mode_lets_pass_and_says_what_it_would_have_refused() -> None:
    """The decision is recorded; what was let through isn't counted twice."""

    async def test(loop: asyncio.AbstractEventLoop) -> None:
        desk = Desk(loop, rate(1, 60, report=True))
        first, second = desk.ask(), desk.ask()
        assert first.exchange.decision is None
        assert second.code is None
        assert second.exchange.decision is not None
        assert (second.exchange.decision.outcome, second.exchange.decision.code) == ("report", Code.RATE_LIMITED)

    run(test)


def test_a_place_is_free_when_an_exchange_ends_and_who_waits_longest_gets_it() -> None:
    """First come, first served; a newcomer doesn't overtake."""

    async def test(loop: asyncio.AbstractEventLoop) -> None:
        desk = Desk(loop, concurrency(2, wait_ns=10 * SECOND_NS, queue=100))
        requests = [desk.ask() for _ in range(6)]
        assert desk.passed == requests[:2]
        for place in range(4):
            await desk.sleep(0.5)
            desk.end(requests[place])
            assert desk.passed == requests[: place + 3]

    run(test)


def test_lines_are_bounded_and_whoever_would_wait_in_vain_is_told_at_once() -> None:
    """A full line, a wait that is too short, and a deadline that comes before the turn."""

    async def test(loop: asyncio.AbstractEventLoop) -> None:
        desk = Desk(loop, rate(60, 60, burst=1, wait_ns=3 * SECOND_NS, queue=2))
        first = [desk.ask() for _ in range(4)]
        assert [request.code for request in first] == [None, None, None, Code.QUEUE_FULL]
        await desk.sleep(2.5)
        assert [request.passed_at for request in first[:3]] == [
            pytest.approx(when, abs=0.01) for when in (1000, 1001, 1002)
        ]
        desk = Desk(loop, rate(60, 60, burst=1, wait_ns=3 * SECOND_NS, queue=100, name="other"))
        later = [desk.ask() for _ in range(6)]
        assert [request.code for request in later] == [*[None] * 4, Code.RATE_LIMITED, Code.RATE_LIMITED]
        assert later[4].error is not None
        assert later[4].error.retry_after == 4
        desk = Desk(loop, rate(60, 60, burst=1, wait_ns=9 * SECOND_NS, queue=100, name="third"))
        assert desk.ask().passed_at is not None
        assert desk.ask(ends_in=0.5).code is Code.RATE_LIMITED

    run(test)


def test_priorities_come_first_and_consumers_in_turn() -> None:
    """A caller can ask for a later place, not for an earlier one; a busy consumer doesn't keep out another."""

    async def test(loop: asyncio.AbstractEventLoop) -> None:
        everybody = {"gateway": (concurrency(1, scope=Scope.GATEWAY, wait_ns=60 * SECOND_NS, queue=100),)}
        desk = Desk(loop, **everybody)
        running = desk.ask()
        late = desk.ask("Exeat-Priority: 7")
        busy = [desk.ask() for _ in range(3)]
        pushy = desk.ask("Exeat-Priority: 0")
        other = desk.ask(owner="app")
        order = [running, busy[0], other, busy[1], busy[2], pushy, late]
        for request in order:
            assert desk.passed[-1] is request
            desk.end(request)
        running = desk.ask()
        assert [desk.ask(f"Exeat-Priority: {word}").code for word in ("8", "01", "-1")] == [Code.MALFORMED_REQUEST] * 3

    run(test)


def test_whoever_leaves_the_line_makes_room_and_takes_nothing() -> None:
    """A caller that has gone is nobody's turn."""

    async def test(loop: asyncio.AbstractEventLoop) -> None:
        desk = Desk(loop, concurrency(1, wait_ns=60 * SECOND_NS, queue=2))
        running, leaving, staying = desk.ask(), desk.ask(), desk.ask()
        desk.leave(leaving)
        assert leaving.code is Code.CLIENT_CLOSED
        last = desk.ask()
        desk.end(running)
        assert desk.passed == [running, staying]
        desk.end(staying)
        assert desk.passed == [running, staying, last]
        desk.end(last)
        assert desk.ask().passed_at is not None

    run(test)


def test_what_was_never_sent_is_given_back() -> None:
    """A place is free again whatever happened; a rate counts what began."""

    async def test(loop: asyncio.AbstractEventLoop) -> None:
        desk = Desk(loop, concurrency(1), rate(2, 600))
        for expected in (None, None, Code.RATE_LIMITED):
            request = desk.ask(sent=False)
            assert request.code is expected
            desk.end(request)

    run(test)


@given(
    arrivals=st.lists(
        st.tuples(st.floats(0, 2), st.sampled_from(["shop", "app"]), st.integers(0, 7), st.floats(0, 3)),
        min_size=1,
        max_size=30,
    ),
    amount=st.integers(1, 4),
    burst=st.integers(1, 4),
    places=st.integers(1, 3),
    wait_s=st.integers(0, 5),
)
def test_whatever_comes_nothing_is_exceeded_and_nobody_is_forgotten(
    arrivals: list[tuple[float, str, int, float]], amount: int, burst: int, places: int, wait_s: int
) -> None:
    """Arrivals in any order with any priority: never over a limit, everybody has an end, all places are free after."""

    async def test(loop: asyncio.AbstractEventLoop) -> None:
        wait = {"wait_ns": wait_s * SECOND_NS, "queue": 10, "scope": Scope.GATEWAY}
        desk = Desk(loop, gateway=(rate(amount, 1, burst, **wait), concurrency(places, **wait)))
        requests: list[Request] = []

        def finish(request: Request) -> None:
            if request.passed_at is None and request.code is None:
                desk.leave(request)
            desk.end(request)

        for pause, owner, priority, length in arrivals:
            await desk.sleep(pause)
            request = desk.ask(f"Exeat-Priority: {priority}", owner=owner)
            requests.append(request)
            loop.call_later(length + wait_s, finish, request)
        await desk.sleep(20)
        assert all(request.passed_at is not None or request.code is not None for request in requests)
        times = sorted(int(request.passed_at * SECOND_NS) for request in requests if request.passed_at is not None)
        interval = -(-SECOND_NS // amount)
        for (first, begin), (last, end) in itertools.combinations(enumerate(times), 2):
            assert last - first + 1 <= burst + (end - begin) // interval
        assert passed([desk.ask() for _ in range(places)]) == min(places, burst)

    run(test)
