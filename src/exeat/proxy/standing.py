"""What a caller is told of how limits stand: those that are its own, and nothing of others."""

from collections.abc import Iterable
from typing import NamedTuple

from exeat.model.limit import SECOND_NS, Kind, Limit, Scope
from exeat.policy.telling import Standing, quote_name, render_legacy, render_policy, render_standings
from exeat.state.cells import Cell, Claims
from exeat.wire.http1 import RequestHead
from exeat.wire.structured import INTEGER_LIMIT

OF_CALENDAR = frozenset({Kind.QUOTA, Kind.BUDGET})
_OWN = frozenset({Scope.CONSUMER, Scope.KEY, Scope.GRANT})


class OwnLimit(NamedTuple):
    """How a limit of a caller's own stands; `where` is the upstream or destination that it is for, if it is for one."""

    cell: Cell
    standing: Standing
    where: dict[str, str]


def tell(told: Claims, head: RequestHead | None, now: int) -> bytes:
    """The lines of an answer that say how the limits stand that its request was checked against."""
    own = told.own
    if own is None:
        own = told.own = tuple([cell for cell in told.cells if is_own(cell.limit)])
        told.names = tell_apart(own)
    if not own:
        return b""
    names = told.names
    policy = told.policy
    if policy is None:
        policy = render_policy([standing_of(cell, name, now) for cell, name in zip(own, names, strict=True)])
        if all(cell.limit.kind not in OF_CALENDAR for cell in own):  # whose windows differ in length
            told.policy = policy
    if head is not None and wants_legacy(head):
        known = [standing_of(cell, name, now) for cell, name in zip(own, names, strict=True) if cell.is_known]
        return policy + render_standings(known) + render_legacy(known)
    text = b""
    for place in range(len(own)):
        cell = own[place]
        if cell.is_known:
            text += _standing(cell, names[place], now)
    return b"%bRateLimit: %b\r\n" % (policy, text[2:]) if text else policy


def _standing(cell: Cell, name: str, now: int) -> bytes:
    """One item of RateLimit, as render_standings writes it; this is what most answers need, and quick."""
    limit = cell.limit
    remaining = cell.remaining(now)
    if limit.kind is Kind.RATE and 0 <= remaining <= INTEGER_LIMIT:
        return b", %b;r=%d;t=%d" % (quote_name(name), remaining, -(-cell.whole_in(now) // SECOND_NS))
    return b", " + render_standings([standing_of(cell, name, now)])[11:-2]


def tell_apart(cells: Iterable[Cell]) -> tuple[str, ...]:
    """A name for each, which no other has: that of its limit, behind whose it is where one before it has that name.

    It stays the same for all calls of a key by a grant, since limits come in the order of their owners.
    """
    names: list[str] = []
    for cell in cells:
        name = cell.limit.name
        while name in names:
            name = f"{cell.limit.scope}-{name}"
        names.append(name)
    return tuple(names)


def is_own(limit: Limit) -> bool:
    """Whether nothing that a limit's standing tells is of others, nor of the gateway's own credential."""
    if limit.scope in _OWN:
        return True
    return limit.per is not None and limit.per.by in {"consumer", "key"}  # consumers may share an address or a field


def standing_of(cell: Cell, name: str, now: int) -> Standing:
    """How a cell stands, and the name by which that is told."""
    limit = cell.limit
    remaining, window_s = cell.remaining(now), cell.window // SECOND_NS
    reset_s = -(-cell.whole_in(now) // SECOND_NS)
    return Standing(name, cell.amount, window_s, remaining, reset_s, limit.kind, limit.currency)


def wants_legacy(head: RequestHead) -> bool:
    """Whether a caller asks for the X-RateLimit fields, too."""
    return head.known.get(b"exeat-ratelimit") == b"legacy"
