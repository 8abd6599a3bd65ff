"""Phase 8: try the endpoints until one answers with a head.

An attempt takes a connection (from the pool, or dialled to a judged address), attaches the credential last, sends, and
waits for the head of the response. Another attempt follows only where that can repeat nothing: no byte was sent, or a
connection that had served before was closed without an answer to a request that is safe to send again.
"""

import re

from exeat.errors import Code, GatewayError
from exeat.model.decision import Decision
from exeat.model.upstream import Endpoint, Route, Timeouts, TlsIdentity
from exeat.policy.authorize import Permit
from exeat.policy.forward import Place, expects_continue, render_request
from exeat.proxy.exchange import Exchange
from exeat.proxy.runtime import Runtime
from exeat.proxy.upstream import UpstreamConnection
from exeat.wire.http1 import RequestHead, ResponseHead

IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})  # RFC 9110 §9.2.2
_SECONDS = re.compile(rb"[0-9]{1,6}(?:\.[0-9]{1,6})?")


async def attempt(exchange: Exchange, permit: Permit, runtime: Runtime) -> tuple[UpstreamConnection, ResponseHead]:
    """Try until an upstream answers, and return its connection and the head of its response."""
    places = places_of(exchange, permit, runtime)
    for place, route in places[:-1]:
        try:
            return await _try(exchange, permit, place, route, runtime)
        except GatewayError as error:
            if not error.untouched or error.code == Code.CREDENTIAL_UNAVAILABLE:
                raise
    place, route = places[-1]
    return await _try(exchange, permit, place, route, runtime)


async def _try(
    exchange: Exchange, permit: Permit, place: Place, route: Route, runtime: Runtime
) -> tuple[UpstreamConnection, ResponseHead]:
    """Try one endpoint; once more on a new connection where the one from the pool turned out to be dead."""
    head = exchange.head_or_raise
    connection = await connect(exchange, route, runtime)
    try:
        return connection, await send(exchange, permit, place, connection, runtime)
    except GatewayError as error:
        connection.close()
        stale = error.code == Code.UPSTREAM_CLOSED and connection.is_reused
        if not stale or head.has_body or head.method not in IDEMPOTENT:
            raise
    connection = await connect(exchange, route, runtime, fresh=True)
    try:
        return connection, await send(exchange, permit, place, connection, runtime)
    except GatewayError:
        connection.close()
        raise


async def connect(exchange: Exchange, route: Route, runtime: Runtime, *, fresh: bool = False) -> UpstreamConnection:
    """An idle connection, or a new one, within the time for it."""
    if not fresh and (idle := runtime.pool.take(route)) is not None:
        return idle
    timeouts = exchange.timeouts

    def reported(decision: Decision) -> None:
        exchange.decision = decision

    waiter = runtime.pool.wait(route, timeouts, reported)
    exchange.route = route
    exchange.enter("connect", runtime.clock(), timeouts.dns_s + timeouts.connect_s + 1.0)
    try:
        return await waiter.wait
    except GatewayError:
        runtime.pool.leave(route, waiter)
        raise


async def send(
    exchange: Exchange, permit: Permit, place: Place, connection: UpstreamConnection, runtime: Runtime
) -> ResponseHead:
    """Send the request and wait for the head of its response; the connection is closed if that fails."""
    head, spent = exchange.head_or_raise, exchange.spent
    assert spent is not None  # noqa: S101 - the caller is known
    upstream = permit.upstream
    via = runtime.pseudonym if upstream is not None and upstream.via else None
    rendered = render_request(head, place, spent, None if upstream is None else upstream.credential, via)
    exchange.attempts += 1
    exchange.enter("response", runtime.clock(), exchange.timeouts.response_s)
    wait = connection.send(rendered, head.method, exchange.caller, chunked=head.chunked, has_body=head.has_body)
    if head.has_body:
        exchange.waits_to_continue = expects_continue(head)
        exchange.caller.pump_body(connection)
    return await wait


def places_of(exchange: Exchange, permit: Permit, runtime: Runtime) -> list[tuple[Place, Route]]:
    """Where the attempts go, in order: the endpoints in turn, or the one origin of a destination."""
    resolved = exchange.resolved
    assert resolved is not None  # noqa: S101 - phase 2
    endpoints = permit.endpoints
    if not endpoints:
        destination, target = permit.destination, resolved.target
        assert destination is not None  # noqa: S101 - a permit has endpoints or a destination
        assert target is not None  # noqa: S101 - destinations are called by URL
        origin = target.origin
        pool = f"{origin} {destination.text} {destination.reach}"
        route = Route(origin, TlsIdentity(), destination.reach, pool)
        return [(Place(origin, origin.authority.encode(), permit.path, resolved.query), route)]
    if len(endpoints) > 1:
        first = runtime.turn(permit.upstream.name if permit.upstream is not None else "", len(endpoints))
        endpoints = endpoints[first:] + endpoints[:first]
    return [(_place(endpoint, permit.path, resolved.query), endpoint.route) for endpoint in endpoints]


def _place(endpoint: Endpoint, path: bytes, query: bytes | None) -> Place:
    return Place(endpoint.origin, endpoint.host, endpoint.base_path + path, query)


def parse_timeout(head: RequestHead) -> float | None:
    """The caller's own deadline in seconds (`Exeat-Timeout`)."""
    value = head.known.get(b"exeat-timeout")
    if value is None:
        return None
    if not _SECONDS.fullmatch(value) or not float(value):
        raise GatewayError(Code.MALFORMED_REQUEST, "Exeat-Timeout isn't a number of seconds above zero.")
    return float(value)


def overdue(exchange: Exchange, timeouts: Timeouts, runtime: Runtime) -> GatewayError:
    """What a phase that took too long means."""
    if exchange.phase == "connect":
        if runtime.is_pool_full(exchange):
            return GatewayError(Code.OVERLOADED, "No connection became free in time.", untouched=True)
        return GatewayError(Code.CONNECT_TIMEOUT, "No connection in time.", untouched=True)
    if exchange.phase == "response":
        return GatewayError(Code.RESPONSE_TIMEOUT, f"No answer within {timeouts.response_s:g} s.")
    return GatewayError(Code.IDLE_TIMEOUT, f"Nothing moved for {timeouts.idle_s:g} s.")
