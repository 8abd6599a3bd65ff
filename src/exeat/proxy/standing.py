"""What a caller is told of how limits stand: those that are its own, and nothing of others."""

from collections.abc import Iterable

from exeat.model.limit import SECOND_NS, Kind, Limit, Scope
from exeat.policy.telling import Standing, quote_name, render_legacy, render_policy, render_standings
from exeat.state.cells import Cell, Claims
from exeat.wire.http1 import RequestHead
from exeat.wire.structured import INTEGER_LIMIT

OF_CALENDAR = frozenset({Kind.QUOTA, Kind.BUDGET})


def tell(told: Claims, head: RequestHead | None, now: int) -> bytes:
    """The lines of an answer that say how the limits stand that its request was checked against."""
    own = told.own
    if own is None:
        own = told.own = tuple(own_cells(told.cells))
    if not own:
        return b""
    policy = told.policy
    if policy is None:
        policy = render_policy([standing_of(cell, now) for cell in own])
        if all(cell.limit.kind not in OF_CALENDAR for cell in own):  # whose windows differ in length
            told.policy = policy
    if head is not None and wants_legacy(head):
        known = [standing_of(cell, now) for cell in own if cell.is_known]
        return policy + render_standings(known) + render_legacy(known)
    text = b""
    for cell in own:
        if cell.is_known:
            text += _standing(cell, now)
    return b"%bRateLimit: %b\r\n" % (policy, text[2:]) if text else policy


def _standing(cell: Cell, now: int) -> bytes:
    """One item of RateLimit, as render_standings writes it; this is what most answers need, and quick."""
    limit = cell.limit
    remaining = cell.remaining(now)
    if limit.kind is Kind.RATE and 0 <= remaining <= INTEGER_LIMIT:
        return b", %b;r=%d;t=%d" % (quote_name(limit.name), remaining, -(-cell.whole_in(now) // SECOND_NS))
    return b", " + render_standings([standing_of(cell, now)])[11:-2]


def own_cells(cells: Iterable[Cell]) -> list[Cell]:
    """Those whose standing a caller may know."""
    return [cell for cell in cells if is_own(cell.limit)]


def is_own(limit: Limit) -> bool:
    """Whether nothing that a limit's standing tells is of others, nor of the gateway's own credential."""
    return limit.per is not None or limit.scope in {Scope.CONSUMER, Scope.KEY, Scope.GRANT}


def standing_of(cell: Cell, now: int) -> Standing:
    """How a cell stands."""
    limit = cell.limit
    remaining, window_s = cell.remaining(now), cell.window // SECOND_NS
    reset_s = -(-cell.whole_in(now) // SECOND_NS)
    return Standing(limit.name, cell.amount, window_s, remaining, reset_s, limit.kind, limit.currency)


def wants_legacy(head: RequestHead) -> bool:
    """Whether a caller asks for the X-RateLimit fields, too."""
    return head.known.get(b"exeat-ratelimit") == b"legacy"
