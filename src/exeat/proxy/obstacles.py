"""What keeps a request back in phase 5, and whether it is refused for that or may stand in line.

Rule 1: who would wait in vain for one limit doesn't stand in line for another, but is told at once.
Rule 2: of several limits that refuse a request, its caller is told of the one that holds longest.
"""

from typing import Final

from exeat.errors import Code, GatewayError
from exeat.model.decision import deny, report
from exeat.model.limit import SECOND_NS, Kind, Limit, Scope
from exeat.model.mark import upstream_of
from exeat.proxy.exchange import Exchange
from exeat.state.cells import NEVER, Cell, Claims

CODES: Final = {
    Kind.RATE: Code.RATE_LIMITED,
    Kind.QUOTA: Code.QUOTA_EXHAUSTED,
    Kind.BUDGET: Code.BUDGET_EXHAUSTED,
    Kind.CONCURRENCY: Code.TOO_MANY_CONCURRENT,
    Kind.PROVIDER: Code.UPSTREAM_COOLING_DOWN,
}


def in_the_way(claims: Claims, now: int, *, overtakes: bool, may_ask: bool) -> list[int]:
    """The places of the cells that a request isn't within; who has stood in line (`overtakes`) goes before newcomers.

    A limit that refuses nothing (report mode, a soft budget) is in the way only as long as the ledger is to be asked.
    """
    places: list[int] = []
    cells, costs = claims.cells, claims.costs
    for place in range(len(cells)):
        cell, cost = cells[place], costs[place]
        if cell.ready_at(now, cost) <= now and (overtakes or not cell.waiting):
            continue
        refuses = _refuses(cell.limit) and not (cell.limit.goes_on and cell.is_unknown(now, cost))
        if refuses or (may_ask and (overtakes or not cell.waiting) and cell.must_ask(now, cost)):
            places.append(place)
    return places


def has_to_ask(claims: Claims, places: list[int], now: int, *, overtakes: bool) -> bool:
    """Whether only the ledger knows if one of the cells is in the way; who comes later asks for nobody in line."""
    for place in places:
        cell = claims.cells[place]
        if (overtakes or not cell.waiting) and cell.must_ask(now, claims.costs[place]):
            return True
    return False


def line_for(exchange: Exchange, claims: Claims, places: list[int], began: int, now: int) -> int:
    """Which of the cells in the way a request stands in line for, all of which may let it pass in time.

    GatewayError where it may not wait for one of them, where there is no room for it, and where it would wait in vain.
    `began` is since when (ns) it has been waiting.
    """
    unknown: Cell | None = None
    refusing: Cell | None = None
    code, longest = Code.STATE_UNAVAILABLE, -1
    for place in places:
        cell, cost = claims.cells[place], claims.costs[place]
        if cell.is_unknown(now, cost):
            unknown = cell
            continue
        ready_at = _turn_at(cell, cost, now)
        refused = _refused(exchange, cell, ready_at, began)
        if refused is not None:
            wait = SECOND_NS if ready_at == NEVER else ready_at - now
            if wait > longest:
                code, refusing, longest = refused, cell, wait
    if refusing is not None:
        detail = _reached(refusing.limit)
        exchange.decision = deny(code, detail)
        raise GatewayError(code, detail, untouched=True, retry_after=max(1, -(-longest // SECOND_NS)))
    if unknown is not None:
        detail = f"What is left of the limit '{unknown.limit.name}' of {_whose(unknown.limit)} isn't known now."
        exchange.decision = deny(Code.STATE_UNAVAILABLE, detail)
        raise GatewayError(Code.STATE_UNAVAILABLE, detail, untouched=True)
    return places[0]


def spend(exchange: Exchange, claims: Claims, now: int) -> Claims:
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


def _turn_at(cell: Cell, cost: int, now: int) -> int:
    """When it would be a request's turn, behind those who stand in line already; NEVER if no time is known."""
    ready_at = cell.ready_at(now, cost)
    if ready_at != NEVER and cell.limit.kind is Kind.RATE:
        ready_at += cell.waiting * cell.limit.interval
    return ready_at


def _refused(exchange: Exchange, cell: Cell, ready_at: int, began: int) -> Code | None:
    """Why a request may not wait for a cell; None if it may."""
    limit = cell.limit
    if not limit.wait_ns:
        return CODES[limit.kind]
    if cell.waiting >= limit.queue:
        return Code.QUEUE_FULL
    ends_at = NEVER if exchange.ends_at is None else int(exchange.ends_at * SECOND_NS)
    if ready_at != NEVER and ready_at > min(began + limit.wait_ns, ends_at):
        return CODES[limit.kind]
    return None


def _refuses(limit: Limit) -> bool:
    """Whether what is over a limit is refused."""
    return not limit.report and not limit.soft


def _reached(limit: Limit) -> str:
    if limit.kind is Kind.PROVIDER:
        return f"{upstream_of(limit.owner)} asked for a pause."
    return f"The limit '{limit.name}' of {_whose(limit)} is reached."


def _whose(limit: Limit) -> str:
    return "the gateway" if limit.scope is Scope.GATEWAY else f"the {limit.scope}"
