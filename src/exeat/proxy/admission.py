"""Phase 5: whether a request is within all limits that apply to it, and standing in line where it isn't.

Rule 1: a request spends from all its cells or from none.
Rule 2: who comes later never overtakes who stands in line for the same cell.
Rule 3: what was spent on an exchange is settled once, at its end: what runs no longer, what was never sent.
"""

import asyncio
from collections.abc import Callable
from typing import Final, final

from exeat.model.limit import SECOND_NS, Kind
from exeat.model.mark import is_passed
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Upstream
from exeat.policy.authorize import Permit
from exeat.policy.provider import learn
from exeat.proxy.claims import ClaimsFinder, owner_of
from exeat.proxy.cooling import Cooling, pause_of
from exeat.proxy.drive import Wait
from exeat.proxy.exchange import Exchange
from exeat.proxy.line import Line, Waiter, priority_of
from exeat.proxy.obstacles import has_to_ask, in_the_way, line_for, spend
from exeat.proxy.pools import FIRST_FAILURE, Pools
from exeat.proxy.standing import OF_CALENDAR, OwnLimit, standing_of, tell
from exeat.state.cells import NEVER, Cell, Claims
from exeat.state.ledger import Pause
from exeat.state.register import Register
from exeat.state.shared import limits_of
from exeat.wire.http1 import ResponseHead

SWEEP_NS: Final = 5 * SECOND_NS
RUNNING: Final = frozenset({Kind.CONCURRENCY, Kind.PROVIDER})  # these count what is under way
MARGIN_S: Final = 0.0001  # a timer of the loop counts whole milliseconds, and may come early
ASK_LIMIT: Final = 8
ASK_S: Final = 3.0  # the ledger is given up sooner
FIRST_IN_LINE: Final = 16  # that the ledger is told of


@final
class Admission:
    """The limits of one worker. `clock` is monotonic nanoseconds.

    `is_needed`: whether any request may be limited or cost anything; where not, nothing here is asked. `share` tells
    other workers what an upstream said of its own limits.
    """

    def __init__(self, register: Register, clock: Callable[[], int]) -> None:
        self.is_needed = False
        self.share: Callable[[Pause], None] = _tell_nobody
        self._has_limits = False
        self._clock = clock
        self._register = register
        self._cooling = Cooling()
        self.pools = Pools(clock, self._cooling, self._go_easy, self._tell_others)
        self._finder = ClaimsFinder(register, self._cooling, self.pools)
        self._lines: dict[Cell, Line] = {}
        self._timers: dict[Cell, asyncio.TimerHandle] = {}
        self._order = 0
        self._swept_at = 0

    def follow(self, snapshot: Snapshot) -> None:
        """Go by another snapshot; what was counted stays."""
        self._has_limits = has_limits(snapshot)
        self.is_needed = self._has_limits or self._cooling.is_on
        self._finder.follow(snapshot)
        self.pools.follow(snapshot)
        self._register.forget_idle(self._clock(), all_of_them=True)

    def now(self) -> int:
        """The clock of all cells."""
        return self._clock()

    def cells(self) -> list[Cell]:
        """What is counted here now."""
        return list(self._register.cells())

    def cooling(self, now: int) -> list[tuple[str, int]]:
        """The upstreams that ask for a pause, and how long (ns) it still lasts."""
        return self._cooling.pauses(now)

    def admit(self, exchange: Exchange, permit: Permit) -> bool:
        """Spend what a request costs, if it is within all limits and nobody stands in line before it.

        GatewayError where it asks for a place in line that isn't one.
        """
        claims = self._finder.find(exchange, permit)
        if claims is None:
            return True
        exchange.told = claims
        if b"exeat-priority" in exchange.head_or_raise.known:
            priority_of(exchange, 0)  # refuses what isn't one, whether or not there is a line
        now = self._clock()
        cells, costs = claims.cells, claims.costs
        for place in range(len(cells)):
            cell = cells[place]
            if cell.waiting or cell.ready_at(now, costs[place]) > now:
                return False
        for place in range(len(cells)):
            cells[place].spend(now, costs[place])
        self._took(exchange, permit, claims, now)
        return True

    async def stand(self, exchange: Exchange, permit: Permit, now_s: float) -> None:
        """Wait until a request is within all limits; GatewayError if it may not wait, or not for so long."""
        began, waiter, asked = self._clock(), None, 0
        while True:
            claims = self._finder.find(exchange, permit)
            if claims is None:
                return  # the upstream that asked for a pause was all that was in the way
            now = self._clock()
            overtakes, may_ask = waiter is not None, asked < ASK_LIMIT
            places = in_the_way(claims, now, overtakes=overtakes, may_ask=may_ask)
            if not places:
                self._took(exchange, permit, spend(exchange, claims, now), now)
                return
            if may_ask and has_to_ask(claims, places, now, overtakes=overtakes):
                asked += 1
                exchange.enter("counters", now_s + (now - began) / SECOND_NS, ASK_S)
                await self._ask(claims, now)
                continue
            place = line_for(exchange, claims, places, began, now)
            cell, cost = claims.cells[place], claims.costs[place]
            exchange.enter("queue", now_s, cell.limit.wait_ns / SECOND_NS)
            waiter = self._waiter_of(exchange, waiter, cost, began)
            await self._wait(cell, waiter, now)
            asked = 0

    def _took(self, exchange: Exchange, permit: Permit, claims: Claims, now: int) -> None:
        """A request is within all limits; of a pool's credentials, it is the one chosen now that is."""
        exchange.claims = claims
        exchange.claimed_at = now
        credential, upstream = permit.credential, permit.upstream
        if credential is not None and credential.members and upstream is not None:
            self.pools.choose(exchange, upstream)

    def settle(self, exchange: Exchange) -> None:
        """Give back what an exchange doesn't use any more, and what it never used; charge what it came to cost."""
        bill, amounts = exchange.bill, None
        if bill is not None and exchange.was_sent:
            amounts = bill.amounts(0 if exchange.head_at is None else exchange.bytes_out)
            exchange.cost = amounts[0], bill.currency
        claims = exchange.claims
        if claims is None:
            return
        exchange.claims = None
        now = self._clock()
        for place, cell in enumerate(claims.cells):
            cost, price = claims.costs[place], claims.prices[place]
            if not exchange.was_sent or cell.limit.kind in RUNNING:
                cell.give_back(now, cost, exchange.claimed_at)
                if cell.waiting:
                    self._attend(self._lines[cell], now)
            elif price >= 0 and amounts is not None and amounts[price] != cost:
                cell.charge(now, amounts[price] - cost, exchange.claimed_at)

    def tend(self) -> None:
        """Visit of the clock: forget who came once and never again."""
        now = self._clock()
        if now - self._swept_at > SWEEP_NS:
            self._swept_at = now
            self._register.forget_idle(now)
            self._cooling.forget_idle(now)
            self.pools.tend()
            self.is_needed = self._has_limits or self._cooling.is_on

    def learn(self, exchange: Exchange, upstream: Upstream, response: ResponseHead) -> None:
        """Take from an upstream's answer what it says of its own limits.

        Where it has a pool, they are those of the credential that was shown, but for a server error; where callers
        bring credentials of their own, those of the caller's.
        """
        limit, permit = upstream.provider, exchange.permit
        if limit is None or permit is None:
            return
        if exchange.member is not None and response.status < FIRST_FAILURE:
            return
        now = self._clock()
        allowance = learn(response.status, response.known, exchange.wall_at(now), now)
        if allowance is None:
            return
        owner = owner_of(exchange, upstream)
        cell = self._cooling.learn(owner, limit, permit.path, allowance, now)
        if cell is not None:
            self._go_easy(cell, now)
            pause = pause_of(owner, allowance, now)
            if pause is not None:
                self.share(pause)

    def hear(self, upstream: Upstream, pause: Pause) -> None:
        """Take what another worker has learnt of an upstream."""
        limit, owner = upstream.provider, pause.owner
        if limit is None or (owner != upstream.name and not (is_passed(owner) and upstream.credential.passes_caller)):
            return  # it was learnt by another document
        now = self._clock()
        self._go_easy(self._cooling.hear(limit, pause, now), now)

    def _tell_others(self, pause: Pause) -> None:
        self.share(pause)

    def _go_easy(self, cell: Cell, now: int) -> None:
        self.is_needed = True
        if cell.waiting:
            self._attend(self._lines[cell], now)

    # Telling callers

    def tell(self, exchange: Exchange) -> bytes:
        """The lines that say how the limits of an exchange stand."""
        told = exchange.told
        return b"" if told is None else tell(told, exchange.head, self._clock())

    async def standings(self, exchange: Exchange, now_s: float) -> tuple[list[OwnLimit], int]:
        """How the limits stand that are of whoever asks, and how many more there are.

        The ledger is asked for what isn't known here.
        """
        own, left_out = self._finder.own(exchange)
        now = self._clock()
        unknown = tuple(cell for cell, _ in own if not cell.is_known and cell.must_ask(now, 1))
        if unknown:
            exchange.enter("counters", now_s, ASK_S)
            await self._ask(Claims(unknown, (1,) * len(unknown)), now)
            now = self._clock()
        return [OwnLimit(cell, standing_of(cell, cell.limit.name, now), where) for cell, where in own], left_out

    # Standing in line

    def _waiter_of(self, exchange: Exchange, before: Waiter | None, cost: int, began: int) -> Waiter:
        if before is not None:
            return Waiter(before.priority, before.consumer, before.order, cost, began)
        key = exchange.key
        assert key is not None  # noqa: S101 - phase 3
        self._order += 1
        return Waiter(priority_of(exchange, key.consumer.priority), key.consumer.name, self._order, cost, began)

    async def _wait(self, cell: Cell, waiter: Waiter, now: int) -> None:
        """Stand in a cell's line until it is this request's turn."""
        line = self._lines.get(cell)
        if line is None:
            line = self._lines[cell] = Line(cell)
        line.join(waiter)
        self._attend(line, now)
        try:
            await waiter.wait
        finally:
            line.leave(waiter)
            if not cell.waiting:
                self._lines.pop(cell, None)
                cell.stand(self._clock(), (), None)
                timer = self._timers.pop(cell, None)
                if timer is not None:
                    timer.cancel()

    def _attend(self, line: Line, now: int) -> None:
        """Call those whose turn it is, and come again when the next one's is."""
        cell = line.cell
        next_at = line.call(now)
        timer = self._timers.pop(cell, None)
        if timer is not None:
            timer.cancel()
        if next_at is None:
            return
        first = line.first(FIRST_IN_LINE)
        if cell.is_unknown(now, first[0][2]):
            line.release()
            return
        if not cell.stand(now, first, lambda: self._look_again(line)):
            next_at = min(next_at, cell.worth_asking_at(now))
        elif cell.limit.kind not in OF_CALENDAR:  # whose windows end, whatever the ledger says
            return
        if next_at == NEVER:
            return
        after_s = max(0, next_at - now) / SECOND_NS + MARGIN_S
        self._timers[cell] = asyncio.get_running_loop().call_later(after_s, self._come_again, line)

    def _come_again(self, line: Line) -> None:
        self._timers.pop(line.cell, None)
        self._attend(line, self._clock())

    def _look_again(self, line: Line) -> None:
        if self._lines.get(line.cell) is line:
            self._attend(line, self._clock())

    async def _ask(self, claims: Claims, now: int) -> None:
        """Have all shared cells that hold too little ask for more."""
        asking = [place for place, cell in enumerate(claims.cells) if cell.must_ask(now, claims.costs[place])]
        answered: Wait[None] = Wait()
        left = len(asking)

        def one_more() -> None:
            nonlocal left
            left -= 1
            if not left:
                answered.set(None)

        for place in asking:
            claims.cells[place].ask(claims.costs[place], one_more)
        await answered


def _tell_nobody(_: Pause) -> None:
    """There are no other workers."""


def has_limits(snapshot: Snapshot) -> bool:
    """Whether any request can be limited, or costs anything."""
    if any(upstream.price is not None for upstream in snapshot.upstreams.values()):
        return True
    return next(limits_of(snapshot), None) is not None
