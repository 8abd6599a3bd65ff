"""Exeat's own paths on the gateway: health, who am I, the pages about errors, and the envelope."""

from urllib.parse import unquote

import orjson

from exeat.errors import Code, GatewayError
from exeat.model.consumer import Consumer, Grant
from exeat.model.limit import Kind
from exeat.model.paths import PathRules
from exeat.model.snapshot import Snapshot
from exeat.policy.authorize import check_network
from exeat.policy.price import render_amount
from exeat.proxy.answers import answer
from exeat.proxy.envelope import call
from exeat.proxy.exchange import Exchange
from exeat.proxy.pages import error_page, home_page
from exeat.proxy.pipeline import recognise
from exeat.proxy.runtime import Runtime
from exeat.proxy.standing import OwnLimit

JSON = [b"Content-Type: application/json\r\n", b"Cache-Control: no-store\r\n"]
TEXT = [b"Content-Type: text/plain; charset=utf-8\r\n", b"Cache-Control: no-store\r\n"]
PAGE = [
    b"Content-Type: text/html; charset=utf-8\r\n",
    b"Cache-Control: no-store\r\n",
    b"Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'\r\n",
    b"X-Content-Type-Options: nosniff\r\n",
    b"Referrer-Policy: no-referrer\r\n",
]
NO_PAGE = "Exeat has no such page: there are /-/, /-/whoami, /-/call, /-/live, /-/ready and /-/errors/<code>."
_READ = frozenset({b"GET", b"HEAD"})


class OwnPaths:
    """Answers requests for paths that begin with `/-/`."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def serve(self, exchange: Exchange, path: bytes) -> None:
        """Answer one request, or refuse it like any other."""
        if path == b"/-/call":
            await self._call(exchange)
            return
        head = exchange.head_or_raise
        if path == b"*" or head.method == b"OPTIONS":
            answer(exchange, 204, [b"Allow: GET, HEAD, POST, OPTIONS\r\n"], b"", self._runtime.date)
            return
        if head.method not in _READ:
            raise GatewayError(Code.METHOD_NOT_ALLOWED, "This path is read with GET.", allow="GET, HEAD, OPTIONS")
        if path == b"/-/whoami":
            self._recognise(exchange)
            limits, left_out = await self._runtime.admission.standings(exchange, self._runtime.clock())
            answer(exchange, 200, JSON, whoami(exchange, limits, left_out), self._runtime.date)
            return
        self._read(exchange, path)

    def _read(self, exchange: Exchange, path: bytes) -> None:
        date = self._runtime.date
        if path == b"/-/live":
            exchange.is_recorded = False
            answer(exchange, 200, TEXT, b"live\n", date)
        elif path == b"/-/ready":
            exchange.is_recorded = False
            obstacle = find_obstacle(self._runtime)
            if obstacle is not None:
                raise obstacle
            answer(exchange, 200, TEXT, b"ready\n", date)
        elif path == b"/-/":
            answer(exchange, 200, PAGE, self._home(exchange), date)
        elif path.startswith(b"/-/errors/") and (page := error_page(unquote(path[10:].decode("latin-1")))):
            answer(exchange, 200, PAGE, page, date)
        else:
            raise GatewayError(Code.UPSTREAM_UNKNOWN, NO_PAGE)

    def _home(self, exchange: Exchange) -> bytes:
        """The page for people: with a key it lists what the key may call."""
        gateway = exchange.caller.gateway.decode("latin-1")
        try:
            self._recognise(exchange)
        except GatewayError as error:
            if error.code != Code.KEY_MISSING:
                raise
            return home_page(gateway, None, [])
        assert exchange.key is not None  # noqa: S101 - just recognised
        consumer = exchange.key.consumer
        return home_page(gateway, consumer.name, access_of(consumer, exchange.snapshot))

    async def _call(self, exchange: Exchange) -> None:
        head = exchange.head_or_raise
        if head.method != b"POST":
            raise GatewayError(Code.METHOD_NOT_ALLOWED, "The envelope is called with POST.", allow="POST")
        self._recognise(exchange)
        await call(exchange, self._runtime)

    def _recognise(self, exchange: Exchange) -> None:
        key = recognise(exchange, exchange.head_or_raise, None)
        decision = check_network(key, exchange.address)
        if decision.outcome == "deny":
            raise GatewayError(decision.code or Code.IP_NOT_ALLOWED, decision.reason)


def find_obstacle(runtime: Runtime) -> GatewayError | None:
    """Why no new call is taken here; None where one is."""
    if runtime.leaving:
        return GatewayError(Code.DRAINING, "This instance finishes what it has begun.")
    if not runtime.keeps_records:
        return GatewayError(Code.AUDIT_UNAVAILABLE, "No records can be kept.")
    if runtime.overload.is_short_of_memory:
        return GatewayError(Code.OVERLOADED, "This instance has no memory left for more.")
    return None


def whoami(exchange: Exchange, limits: list[OwnLimit], left_out: int) -> bytes:
    """What the key may call and what is left of its limits, as JSON; `left_out` is how many limits more there are."""
    key = exchange.key
    assert key is not None  # noqa: S101 - recognised before
    return orjson.dumps(
        {
            "consumer": key.consumer.name,
            "key": key.id,
            "expires_at": key.expires_at,
            "limits": [_limit(limit) for limit in limits],
            **({"limits_left_out": left_out} if left_out else {}),
            "access": access_of(key.consumer, exchange.snapshot),
        },
        option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
    )


def _limit(own: OwnLimit) -> dict[str, object]:
    """How a limit stands; what remains is null where nobody can say."""
    cell, standing, where = own
    limit = cell.limit
    is_money = limit.kind is Kind.BUDGET
    remaining = max(0, standing.remaining) if cell.is_known else None
    shown: dict[str, object] = {
        "name": limit.name,
        "kind": str(limit.kind),
        "scope": str(limit.scope),
        **where,
        "limit": render_amount(standing.quota) if is_money else standing.quota,
        "remaining": render_amount(remaining) if is_money and remaining is not None else remaining,
    }
    if is_money:
        shown["currency"] = limit.currency
    if standing.window_s:
        shown |= {"window_s": standing.window_s, "whole_in_s": standing.reset_s}
    return shown


def access_of(consumer: Consumer, snapshot: Snapshot) -> list[dict[str, object]]:
    """What a consumer may call: each upstream with the paths to address it, each destination.

    Where a grant and its upstream both list paths, those of the grant stand here; what either denies is denied.
    """
    listed: list[dict[str, object]] = []
    for raw, upstream in snapshot.upstreams.items():
        for grant in consumer.upstreams.get(upstream.name, ()):
            methods = _both(grant.methods, upstream.methods)
            rules = _rules(grant, methods, upstream.paths)
            listed.append({"upstream": upstream.name, "path": f"/{raw.decode()}/", **rules})
    for destinations in (*snapshot.exact.values(), *snapshot.below.values()):
        for destination in destinations:
            grants = consumer.destinations.get(destination.text, ())
            listed += [{"destination": destination.text, **_rules(grant, grant.methods)} for grant in grants]
    return listed


def _both(first: frozenset[bytes] | None, second: frozenset[bytes] | None) -> frozenset[bytes] | None:
    if first is None or second is None:
        return first or second
    return first & second


def _rules(grant: Grant, methods: frozenset[bytes] | None, limits: PathRules | None = None) -> dict[str, object]:
    rules: dict[str, object] = {}
    if methods is not None:
        rules["methods"] = sorted(method.decode() for method in methods)
    paths = [each for each in (grant.paths, limits) if each is not None]
    if paths:
        allowed = next((each.allow for each in paths if each.allow), ())
        rules["paths"] = [pattern.text for pattern in allowed] or ["/**"]
        if denied := [pattern.text for each in paths for pattern in each.deny]:
            rules["denied_paths"] = denied
    if grant.report:
        rules["mode"] = "report"
    return rules
