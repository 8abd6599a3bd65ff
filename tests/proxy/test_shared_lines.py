"""Standing in line for limits that several workers share: whose turn it is, whichever worker it waits in."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from exeat.errors import Code
from exeat.model.limit import SECOND_NS, Kind, Limit
from exeat.proxy.admission import Admission
from exeat.state.leased import LeasedCell
from exeat.state.register import Register
from exeat.state.shared import lease
from tests.proxy.test_admission import Desk, Request, concurrency, rate, run
from tests.state.world import SimulatedLender, World, make_limit

WORKERS = 4
LATENCY_S = 0.0003  # of a message to the ledger, or back


class Lender(SimulatedLender):
    """A worker's line whose messages take a while."""

    def __init__(self, office: "Office", number: int) -> None:
        super().__init__(office, number)
        self._office = office
        self._is_due = False

    def ask(self, cell: LeasedCell) -> None:
        super().ask(cell)
        self.soon()

    def stand(self, cell: LeasedCell) -> None:
        super().stand(cell)
        self.soon()

    def say(self, what: Any) -> None:
        super().say(what)
        self.soon()

    def soon(self) -> None:
        """Hear and send in a while."""
        if not self._is_due:
            self._is_due = True
            self._office.loop.call_later(LATENCY_S, self._come)

    def _come(self) -> None:
        self._is_due = False
        self._office.time()
        self.deliver()
        self._office.pass_on()


class Office(World):
    """Workers, each with its own admission, in front of one ledger; the clock is the loop's."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: Limit) -> None:
        super().__init__(make_limit(Kind.RATE, 1), 0)
        self.loop = loop
        self.time()
        self.desks: list[Desk] = []
        self.asked: list[tuple[Desk, Request]] = []
        self._timer: asyncio.TimerHandle | None = None
        for number in range(WORKERS):
            lender = Lender(self, number + 1)
            self.lenders.append(lender)
            desk = Desk(loop, limit)
            desk.admission = Admission(Register(self._maker(lender)), self.time)
            desk.use(limit)
            self.desks.append(desk)

    @staticmethod
    def _maker(lender: Lender) -> Callable[[Limit, str], Any]:
        return lambda limit, value: lease(limit, value, lender)

    def time(self) -> int:
        """The time (ns)."""
        self.now = int(self.loop.time() * SECOND_NS)
        return self.now

    def pass_on(self) -> None:
        """Have those hear who were told something, and come again when somebody's turn may be."""
        for lender in self.lenders:
            if lender.inbox:
                assert isinstance(lender, Lender)
                lender.soon()
        if self._timer is not None:
            self._timer.cancel()
        if self.turns.due_at < 2**62:
            after_s = max(0, self.turns.due_at - self.time()) / SECOND_NS
            self._timer = self.loop.call_later(after_s, self._come_again)

    def _come_again(self) -> None:
        self.time()
        self.settle([])
        self.pass_on()

    def ask(self, number: int, *fields: str) -> Request:
        """A request arrives at one worker."""
        desk = self.desks[number % WORKERS]
        request = desk.ask(*fields)
        self.asked.append((desk, request))
        return request

    def close(self) -> None:
        """Everybody goes."""
        for desk, request in self.asked:
            if request.passed_at is None and request.code is None:
                desk.leave(request)
            desk.end(request)

    @property
    def passed_in_order(self) -> list[Request]:
        """All that have passed, one after the other."""
        passed = [request for desk in self.desks for request in desk.passed]
        return sorted(passed, key=lambda request: request.passed_at or 0)


def in_an_office(limit: Limit, test: Callable[[Office], Coroutine[Any, Any, None]]) -> None:
    """Run a test with workers that share a limit."""

    async def all_of_it(loop: asyncio.AbstractEventLoop) -> None:
        office = Office(loop, limit)
        try:
            await test(office)
        finally:
            office.close()

    run(all_of_it)


def test_first_come_first_served_whichever_worker_it_waits_in() -> None:
    """Requests of all workers pass in the order in which they came, and at the pace of the limit."""

    async def test(office: Office) -> None:
        requests: list[Request] = []
        for number in range(60):
            requests.append(office.ask(number * 7))
            await asyncio.sleep(0.001)
        began = office.loop.time()
        await asyncio.sleep(3)
        assert office.passed_in_order == requests
        last = requests[-1].passed_at
        assert last is not None
        assert last - began + 0.06 <= 59 * 0.02 * 1.05

    in_an_office(rate(50, 1, burst=1, wait_ns=10 * SECOND_NS, queue=100), test)


def test_priorities_hold_across_workers() -> None:
    """Who comes first by its priority passes before all others, in whatever worker they have been waiting."""

    async def test(office: Office) -> None:
        first = office.ask(0)
        await asyncio.sleep(0.01)
        usual = [office.ask(1) for _ in range(5)]
        late = [office.ask(number, "Exeat-Priority: 7") for number in range(WORKERS)]
        await asyncio.sleep(0.005)
        last = office.ask(2)
        await asyncio.sleep(2)
        order = office.passed_in_order
        assert order[0] is first
        assert set(order[1:7]) == {*usual, last}
        assert set(order[7:]) == set(late)

    in_an_office(rate(20, 1, burst=1, wait_ns=10 * SECOND_NS, queue=100), test)


def test_a_worker_with_a_long_line_does_not_keep_places_for_itself() -> None:
    """A place that is free in one worker goes to whoever has waited longest, in another."""

    async def test(office: Office) -> None:
        requests: list[Request] = []
        for number in (0, 0, 0, 1, 0, 2, 0, 3, 0, 0):
            requests.append(office.ask(number))
            await asyncio.sleep(0.005)
        assert office.passed_in_order == requests[:2]
        for place in range(8):
            office.desks[(0, 0, 0, 1, 0, 2, 0, 3)[place]].end(requests[place])
            await asyncio.sleep(0.01)
            assert office.passed_in_order == requests[: place + 3]

    in_an_office(concurrency(2, wait_ns=10 * SECOND_NS, queue=100), test)


def test_who_has_left_holds_up_nobody() -> None:
    """A caller that has gone is nobody's turn, in no worker; lines that have ended are forgotten."""

    async def test(office: Office) -> None:
        running = office.ask(0)
        await asyncio.sleep(0.01)
        leaving = [office.ask(1) for _ in range(20)]
        await asyncio.sleep(0.01)
        staying = office.ask(2)
        for request in leaving:
            office.desks[1].leave(request)
        office.desks[0].end(running)
        await asyncio.sleep(0.01)
        assert staying.passed_at == pytest.approx(office.loop.time(), abs=0.01)
        office.desks[2].end(staying)
        await asyncio.sleep(0.5)
        assert office.ask(3).code is None
        assert not office.turns._queues  # noqa: SLF001 - nothing else tells

    in_an_office(concurrency(1, wait_ns=10 * SECOND_NS, queue=100), test)


def test_whoever_would_wait_in_vain_is_told() -> None:
    """Where the lines of other workers are too long for the wait of a limit, that is known at once."""

    async def test(office: Office) -> None:
        for number in range(12):
            office.ask(number % (WORKERS - 1))
            await asyncio.sleep(0.002)
        refused = office.ask(WORKERS - 1)
        await asyncio.sleep(0.01)
        assert refused.error is not None
        assert (refused.code, refused.error.retry_after) == (Code.RATE_LIMITED, 12)

    in_an_office(rate(1, 1, burst=1, wait_ns=11 * SECOND_NS, queue=100), test)
