"""Phase 5: whether a request is within all limits that apply to it, and standing in line where it isn't.

Rule 1: a request spends from all its cells or from none.
Rule 2: who comes later never overtakes who stands in line for the same cell.
Rule 3: what was spent on an exchange is settled once, at its end: what runs no longer, what was never sent.
"""

import asyncio
from collections.abc import Callable
from typing import Final, final

from exeat.errors import Code, GatewayError
from exeat.model.decision import deny, report
from exeat.model.limit import LOWEST_PRIORITY, SECOND_NS, Kind, Limit, Scope
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Upstream
from exeat.policy.authorize import Permit
from exeat.policy.provider import learn
from exeat.policy.telling import Standing
from exeat.proxy.claims import ClaimsFinder
from exeat.proxy.cooling import Cooling, pause_of
from exeat.proxy.drive import Wait
from exeat.proxy.exchange import Exchange
from exeat.proxy.line import Line, Waiter
from exeat.proxy.pools import FIRST_FAILURE, Pools
from exeat.proxy.standing import OF_CALENDAR, own_cells, standing_of, tell
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
CODES: Final = {
    Kind.RATE: Code.RATE_LIMITED,
    Kind.QUOTA: Code.QUOTA_EXHAUSTED,
    Kind.BUDGET: Code.BUDGET_EXHAUSTED,
    Kind.CONCURRENCY: Code.TOO_MANY_CONCURRENT,
    Kind.PROVIDER: Code.UPSTREAM_COOLING_DOWN,
}


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
        """Spend what a request costs, if it is within all limits and nobody stands in line before it."""
        claims = self._finder.find(exchange, permit)
        if claims is None:
            return True
        exchange.told = claims
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
            place = self._in_the_way(claims, now, overtakes=waiter is not None, may_ask=asked < ASK_LIMIT)
            if place is None:
                self._took(exchange, permit, self._spend(exchange, claims, now), now)
                return
            cell, cost = claims.cells[place], claims.costs[place]
            may_ask = waiter is not None or not cell.waiting
            if may_ask and asked < ASK_LIMIT and cell.must_ask(now, cost):
                asked += 1
                exchange.enter("counters", now_s + (now - began) / SECOND_NS, ASK_S)
                await self._ask(claims, now)
                continue
            self._check_known(exchange, cell, cost, now)
            self._check_wait(exchange, cell, cost, began, now)
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

        Where it has a pool, they are those of the credential that was shown, but for a server error.
        """
        limit, permit = upstream.provider, exchange.permit
        if limit is None or permit is None:
            return
        if exchange.member is not None and response.status < FIRST_FAILURE:
            return
        now = self._clock()
        allowance = learn(response.status, response.known, int(exchange.began_at * SECOND_NS), now)
        if allowance is None:
            return
        cell = self._cooling.learn(limit, permit.path, allowance, now)
        if cell is not None:
            self._go_easy(cell, now)
            pause = pause_of(limit.owner, allowance, now)
            if pause is not None:
                self.share(pause)

    def hear(self, upstream: Upstream, pause: Pause) -> None:
        """Take what another worker has learnt of an upstream."""
        if upstream.provider is not None:
            now = self._clock()
            self._go_easy(self._cooling.hear(upstream.provider, pause, now), now)

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

    async def standings(self, exchange: Exchange, now_s: float) -> list[tuple[Cell, Standing]]:
        """How the limits stand that are of whoever asks; the ledger is asked for what isn't known here."""
        cells = own_cells(self._finder.own(exchange))
        now = self._clock()
        unknown = tuple(cell for cell in cells if not cell.is_known and cell.must_ask(now, 1))
        if unknown:
            exchange.enter("counters", now_s, ASK_S)
            await self._ask(Claims(unknown, (1,) * len(unknown)), now)
            now = self._clock()
        return [(cell, standing_of(cell, now)) for cell in cells]

    # What is in the way

    def _in_the_way(self, claims: Claims, now: int, *, overtakes: bool, may_ask: bool) -> int | None:
        """The place of the first cell that a request isn't within; who has stood in line goes before newcomers.

        A limit that refuses nothing (report mode, a soft budget) is in the way only as long as it isn't known.
        """
        for place, cell in enumerate(claims.cells):
            cost = claims.costs[place]
            if cell.ready_at(now, cost) <= now and (overtakes or not cell.waiting):
                continue
            if may_ask and cell.must_ask(now, cost):
                return place
            if refuses(cell.limit) and not (cell.limit.goes_on and cell.is_unknown(now, cost)):
                return place
        return None

    def _spend(self, exchange: Exchange, claims: Claims, now: int) -> Claims:
        """Spend; what is over a limit that refuses nothing is let through and said; a soft budget counts it."""
        places: list[int] = []
        for place, cell in enumerate(claims.cells):
            cost = claims.costs[place]
            if cell.ready_at(now, cost) <= now:
                cell.spend(now, cost)
                places.append(place)
                continue
            if cell.limit.soft and not cell.limit.report:
                cell.charge(now, cost)
                places.append(place)
            is_known = not cell.is_unknown(now, cost)
            if is_known and (exchange.decision is None or exchange.decision.outcome == "allow"):
                exchange.decision = report(CODES[cell.limit.kind], _reached(cell.limit))
        if len(places) == len(claims.cells):
            return claims
        cells, costs, prices = claims.cells, claims.costs, claims.prices
        return Claims(
            tuple(cells[place] for place in places),
            tuple(costs[place] for place in places),
            tuple(prices[place] for place in places),
        )

    def _check_known(self, exchange: Exchange, cell: Cell, cost: int, now: int) -> None:
        """Refuse who may be over a limit that nobody knows."""
        if cell.is_unknown(now, cost):
            detail = f"What is left of the limit '{cell.limit.name}' of {_whose(cell.limit)} isn't known now."
            exchange.decision = deny(Code.STATE_UNAVAILABLE, detail)
            raise GatewayError(Code.STATE_UNAVAILABLE, detail, untouched=True)

    def _check_wait(self, exchange: Exchange, cell: Cell, cost: int, began: int, now: int) -> None:
        """Refuse who may not wait, whom there is no room for, and who would wait in vain."""
        limit = cell.limit
        ready_at = cell.ready_at(now, cost)
        if ready_at != NEVER and limit.kind is Kind.RATE:
            ready_at += cell.waiting * limit.interval
        ends_at = NEVER if exchange.ends_at is None else int(exchange.ends_at * SECOND_NS)
        if not limit.wait_ns:
            refused = CODES[limit.kind]
        elif cell.waiting >= limit.queue:
            refused = Code.QUEUE_FULL
        elif ready_at != NEVER and ready_at > min(began + limit.wait_ns, ends_at):
            refused = CODES[limit.kind]
        else:
            return
        after_s = 1 if ready_at == NEVER else max(1, -(-(ready_at - now) // SECOND_NS))
        detail = _reached(limit)
        exchange.decision = deny(refused, detail)
        raise GatewayError(refused, detail, untouched=True, retry_after=after_s)

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


def refuses(limit: Limit) -> bool:
    """Whether what is over a limit is refused."""
    return not limit.report and not limit.soft


def priority_of(exchange: Exchange, given: int) -> int:
    """The place in line that a request asks for; never before its consumer's own."""
    wanted = exchange.head_or_raise.known.get(b"exeat-priority")
    if wanted is None:
        return given
    if len(wanted) != 1 or wanted not in b"01234567":
        raise GatewayError(Code.MALFORMED_REQUEST, f"Exeat-Priority isn't a digit from 0 to {LOWEST_PRIORITY}.")
    return max(given, int(wanted))


def _reached(limit: Limit) -> str:
    if limit.kind is Kind.PROVIDER:
        return f"{limit.owner} asked for a pause."
    return f"The limit '{limit.name}' of {_whose(limit)} is reached."


def _whose(limit: Limit) -> str:
    return "the gateway" if limit.scope is Scope.GATEWAY else f"the {limit.scope}"
