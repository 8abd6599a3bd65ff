"""Which cells a request spends from: those of the gateway, its consumer, key, grant and upstream.

Everything that doesn't change from request to request is looked up once for each key, target and grant.
"""

import hashlib
from ipaddress import IPv6Address
from typing import Final, final

from exeat.model.consumer import Grant, Key
from exeat.model.limit import Kind, Limit, Price
from exeat.model.mark import name_passed
from exeat.model.snapshot import Snapshot
from exeat.model.upstream import Destination, Upstream
from exeat.policy.authorize import Permit
from exeat.policy.price import price_before
from exeat.proxy.bill import Bill
from exeat.proxy.cooling import Cooling
from exeat.proxy.exchange import Exchange
from exeat.proxy.pools import Pools
from exeat.proxy.standing import is_own
from exeat.state.cells import Cell, Claims
from exeat.state.register import Register, comes_and_goes
from exeat.wire.fields import name_of
from exeat.wire.http1 import RequestHead

KNOWN_LIMIT: Final = 50_000
OWN_LIMIT: Final = 200  # that one is told of at once, if it asks
NETWORK_BITS: Final = 64  # of an IPv6 address: one host has as many addresses as it likes

Where = dict[str, str]  # the upstream or destination that a limit is for; empty, if it is whatever is called


@final
class Known:
    """What is the same for all calls of one key to one upstream or destination by one grant.

    It holds on to those three, so that their identities stand for them as long as it is kept.
    """

    __slots__ = ("claims", "grant", "key", "limits", "prices", "target")

    def __init__(
        self,
        key: Key,
        target: Upstream | Destination | None,
        grant: Grant | None,
        limits: tuple[Limit, ...],
        prices: tuple[Price, ...],
    ) -> None:
        self.key: Final = key
        self.target: Final = target
        self.grant: Final = grant
        self.limits: Final = limits
        self.prices: Final = prices
        self.claims: Claims | None = None


@final
class ClaimsFinder:
    """Finds the claims of requests, and keeps what it found until another snapshot comes."""

    def __init__(self, register: Register, cooling: Cooling, pools: Pools) -> None:
        self._register = register
        self._cooling = cooling
        self._pools = pools
        self._known: dict[tuple[int, int, int], Known] = {}
        self._gateway: tuple[Limit, ...] = ()

    def follow(self, snapshot: Snapshot) -> None:
        """Go by another snapshot."""
        self._gateway = snapshot.limits
        self._known.clear()

    def find(self, exchange: Exchange, permit: Permit) -> Claims | None:
        """The claims of a request; None if no limit applies to it. Where a call has a price, it gets its bill."""
        key = exchange.key
        assert key is not None  # noqa: S101 - phase 3
        target = permit.upstream or permit.destination
        known = self._known.get((id(key), id(target), id(permit.grant)))
        if known is None:
            known = self._learn(key, permit)
        if known.prices and exchange.bill is None:
            reserved = [price_before(price, exchange.head_or_raise.method, permit.path) for price in known.prices]
            exchange.bill = Bill(known.prices, tuple(reserved))
        claims = known.claims
        if claims is None and known.limits:
            claims = self._make(exchange, permit, known)
        if self._cooling.is_on and permit.upstream is not None:
            cells = self._cooling_cells(exchange, permit, permit.upstream)
            return _with_cells(claims, cells) if cells else claims
        return claims

    def _cooling_cells(self, exchange: Exchange, permit: Permit, upstream: Upstream) -> list[Cell]:
        """The cells of an upstream that asked for a pause, or of which all credentials may have to wait."""
        path, credential = permit.path, permit.credential
        cells = self._cooling.cells(owner_of(exchange, upstream), self._cooling.part_of(upstream.name, path))
        pool = self._pools.cell(upstream, path) if credential is not None and credential.members else None
        return cells if pool is None else [*cells, pool]

    def own(self, exchange: Exchange) -> tuple[list[tuple[Cell, Where]], int]:
        """The cells that are of whoever asks, each with what it is for, and how many more there are."""
        key = exchange.key
        assert key is not None  # noqa: S101 - recognised before
        limits = {limit.id: (limit, where) for limit, where in self._limits_of(key, exchange.snapshot) if is_own(limit)}
        shown = list(limits.values())[:OWN_LIMIT]
        cells = [(self._register.cell(limit, _value_for(limit, exchange, key)), where) for limit, where in shown]
        return cells, len(limits) - len(shown)

    def _limits_of(self, key: Key, snapshot: Snapshot) -> list[tuple[Limit, Where]]:
        """All limits that may apply to calls with a key, each with what is called then."""
        consumer = key.consumer
        whatever: Where = {}
        limits = [(limit, whatever) for limit in self._gateway + consumer.limits + key.limits]
        for upstream in snapshot.upstreams.values():
            grants = consumer.upstreams.get(upstream.name, ())
            limits += [(limit, {"upstream": grant.target}) for grant in grants for limit in grant.limits]
            if grants:
                limits += [(limit, {"upstream": upstream.name}) for limit in upstream.limits]
        for destination in (one for some in (*snapshot.exact.values(), *snapshot.below.values()) for one in some):
            grants = consumer.destinations.get(destination.text, ())
            limits += [(limit, {"destination": grant.target}) for grant in grants for limit in grant.limits]
        return limits

    def _learn(self, key: Key, permit: Permit) -> Known:
        target = permit.upstream or permit.destination
        grant = permit.grant
        limits = self._gateway + key.consumer.limits + key.limits
        if grant is not None:
            limits += grant.limits
        if permit.upstream is not None:
            limits += permit.upstream.limits
        own = None if permit.upstream is None else permit.upstream.price
        prices = [own, *(price_of(limit, own) for limit in limits if limit.kind is Kind.BUDGET)]
        known = Known(key, target, grant, limits, tuple(dict.fromkeys(price for price in prices if price is not None)))
        if limits and not any(_varies(limit) for limit in limits):
            cells = tuple(self._register.cell(limit, _value(limit, key)) for limit in limits)
            known.claims = Claims(cells, (1,) * len(cells))
        if len(self._known) >= KNOWN_LIMIT:
            self._known.clear()
        self._known[id(key), id(target), id(grant)] = known
        return known

    def _make(self, exchange: Exchange, permit: Permit, known: Known) -> Claims:
        """The claims of this very request: what it costs, or whose they are, depends on it."""
        own = None if permit.upstream is None else permit.upstream.price
        cells: list[Cell] = []
        costs: list[int] = []
        prices: list[int] = []
        for limit in known.limits:
            cost, place = 1, -1
            if limit.kind is Kind.BUDGET:
                price, bill = price_of(limit, own), exchange.bill
                if price is None or bill is None:
                    continue  # nothing that is called here has a price
                place = known.prices.index(price)
                cost = bill.reserved(place)
            cells.append(self._register.cell(limit, _value_for(limit, exchange, known.key)))
            costs.append(cost)
            prices.append(place)
        return Claims(tuple(cells), tuple(costs), tuple(prices))


def _with_cells(claims: Claims | None, cells: list[Cell]) -> Claims:
    """Claims with more cells, of which each counts calls."""
    more = (1,) * len(cells)
    if claims is None:
        return Claims(tuple(cells), more)
    without_price = (-1,) * len(cells)
    return Claims((*claims.cells, *cells), claims.costs + more, claims.prices + without_price)


def price_of(limit: Limit, own: Price | None) -> Price | None:
    """The price that a budget counts: the one that it names, or the upstream's own; None if that is other money."""
    if limit.price is not None:
        return limit.price
    return own if own is not None and own.currency == limit.currency else None


def owner_of(exchange: Exchange, upstream: Upstream) -> str:
    """Whose limits count for a call: the upstream's, or those of the credential that this caller brings itself."""
    if not upstream.credential.passes_caller:
        return upstream.name
    key, presented = exchange.key, exchange.presented
    assert key is not None  # noqa: S101 - phase 3
    passed = exchange.head_or_raise.known.get(b"authorization", b"")
    if presented is not None and b"authorization" in presented.fields:
        passed = b""  # it was the key of Exeat
    return name_passed(upstream.name, key.consumer.name, passed)


def _varies(limit: Limit) -> bool:
    return limit.kind is Kind.BUDGET or comes_and_goes(limit)


def _value(limit: Limit, key: Key) -> str:
    if limit.per is None:
        return ""
    return key.id if limit.per.by == "key" else key.consumer.name


def _value_for(limit: Limit, exchange: Exchange, key: Key) -> str:
    if not comes_and_goes(limit):
        return _value(limit, key)
    assert limit.per is not None  # noqa: S101 - it is split
    if limit.per.by == "ip":
        return network_of(exchange.address)
    return fingerprint(exchange.head_or_raise, limit.per.field)


def network_of(address: str) -> str:
    """Whom an address stands for: itself, or for IPv6 the /64 that it is in."""
    if ":" not in address:
        return address
    try:
        number = int(IPv6Address(address))
    except ValueError:
        return address
    return str(IPv6Address(number >> (128 - NETWORK_BITS) << (128 - NETWORK_BITS)))


def fingerprint(head: RequestHead, name: bytes) -> str:
    """What stands for the value of a field: a digest, for it may be long or secret; '' without the field."""
    value = head.known.get(name)
    if value is None:
        lines = [line for line in head.fields if name_of(line) == name]
        if not lines:
            return ""
        value = b"\n".join(lines)
    return hashlib.blake2b(value, digest_size=12).hexdigest()
