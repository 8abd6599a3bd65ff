"""Phase 8: try the endpoints until one answers with a head.

An attempt takes a connection (from the pool, or dialled to a judged address), attaches the credential last, sends, and
waits for the head of the response. Another attempt follows only where that can repeat nothing: no byte was sent, or a
connection that had served before was closed without an answer to a request that is safe to send again.
"""

import re

from exeat.errors import Code, GatewayError
from exeat.model.decision import Decision
from exeat.model.upstream import Endpoint, Route
from exeat.policy.authorize import Permit
from exeat.policy.forward import render_request
from exeat.proxy.drive import Wait
from exeat.proxy.exchange import Attempt, Exchange
from exeat.proxy.runtime import Runtime
from exeat.proxy.upstream import UpstreamConnection
from exeat.wire.http1 import RequestHead, ResponseHead

IDEMPOTENT = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE"})  # RFC 9110 §9.2.2
ATTEMPT_LIMIT = 8
_SECONDS = re.compile(rb"[0-9]{1,6}(?:\.[0-9]{1,6})?")


async def attempt(exchange: Exchange, permit: Permit, runtime: Runtime) -> tuple[UpstreamConnection, ResponseHead]:
    """Try until an upstream answers, and return its connection and the head of its response."""
    endpoints = endpoints_of(exchange, permit, runtime)
    place, fresh = 0, False
    while True:
        endpoint = endpoints[place]
        tried = Attempt(endpoint, runtime.clock())
        exchange.attempts.append(tried)
        connection = None if fresh else runtime.pool.take(endpoint.route)
        try:
            if connection is None:
                connection = await connect(exchange, endpoint.route, runtime)
            tried.address = connection.address
            response = await send(exchange, permit, endpoint, connection, runtime)
            tried.status, tried.head_at = response.status, runtime.clock()
        except GatewayError as error:
            tried.error = error.code
            if connection is not None:
                connection.close()
            if is_stale(exchange, connection, error):
                fresh = True  # the same endpoint once more, on a new connection
            elif is_next_worth_it(exchange, error, place + 1 < len(endpoints)):
                place, fresh = place + 1, False
            else:
                raise
        else:
            return connection, response


def is_stale(exchange: Exchange, connection: UpstreamConnection | None, error: GatewayError) -> bool:
    """Whether a connection from the pool turned out to be dead, and the request is safe to send again."""
    if connection is None or not connection.is_reused or error.code != Code.UPSTREAM_CLOSED:
        return False
    head = exchange.head_or_raise
    return head.method in IDEMPOTENT and not head.has_body and len(exchange.attempts) < ATTEMPT_LIMIT


def is_next_worth_it(exchange: Exchange, error: GatewayError, has_next: bool) -> bool:  # noqa: FBT001 - a predicate's part
    """Whether the next endpoint may be tried: nothing was sent, and the failure was this endpoint's own."""
    if not has_next or not error.untouched or len(exchange.attempts) >= ATTEMPT_LIMIT:
        return False
    return error.code not in {Code.CREDENTIAL_UNAVAILABLE, Code.OVERLOADED, Code.AUDIT_UNAVAILABLE}


async def connect(exchange: Exchange, route: Route, runtime: Runtime) -> UpstreamConnection:
    """A connection: one that another request gives back, or a new one, whichever comes first."""
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


def send(
    exchange: Exchange, permit: Permit, endpoint: Endpoint, connection: UpstreamConnection, runtime: Runtime
) -> Wait[ResponseHead]:
    """Send the request; what it returns brings the head of the response."""
    head, presented, resolved, upstream = exchange.head, exchange.presented, exchange.resolved, permit.upstream
    assert head is not None and presented is not None and resolved is not None  # noqa: S101, PT018 - phases 1 to 3
    injection, via = None, None
    if upstream is not None:
        injection = upstream.credential
        via = runtime.pseudonym if upstream.via else None
    rendered = render_request(
        head,
        host=endpoint.host,
        path=endpoint.base_path + permit.path,
        query=resolved.query,
        presented=presented,
        injection=injection,
        via=via,
    )
    connection.needles = () if injection is None else injection.needles
    exchange.was_sent = True
    exchange.enter("response", runtime.clock(), exchange.timeouts.response_s)
    has_body = head.has_body
    held = head.chunked and not exchange.waits_to_continue
    wait = connection.send(rendered, head.method, exchange.caller, chunked=head.chunked, has_body=has_body, held=held)
    if has_body:
        exchange.source = connection  # the time for the answer begins with the last byte of the body
        exchange.caller.pump_body(connection)
    return wait


def endpoints_of(exchange: Exchange, permit: Permit, runtime: Runtime) -> tuple[Endpoint, ...]:
    """Where the attempts go, in order: an upstream's endpoints in turn, or the one origin of a destination."""
    endpoints = permit.endpoints
    if len(endpoints) == 1:
        return endpoints
    if not endpoints:
        destination, resolved = permit.destination, exchange.resolved
        assert destination is not None  # noqa: S101 - a permit has endpoints or a destination
        assert resolved is not None  # noqa: S101 - phase 2
        assert resolved.target is not None  # noqa: S101 - destinations are called by URL
        return (runtime.endpoint(destination, resolved.target.origin),)
    name = permit.upstream.name if permit.upstream is not None else ""
    first = runtime.turn(name, len(endpoints))
    return endpoints[first:] + endpoints[:first]


def deadline(exchange: Exchange, head: RequestHead) -> None:
    """Set when the whole exchange has to end: the upstream's total, which the caller's Exeat-Timeout can shorten."""
    timeouts = exchange.timeouts
    total = timeouts.total_s
    exchange.has_own_deadline = not timeouts.total_is_default
    wanted = head.known.get(b"exeat-timeout")
    if wanted is not None:
        if not _SECONDS.fullmatch(wanted) or not float(wanted):
            raise GatewayError(Code.MALFORMED_REQUEST, "Exeat-Timeout isn't a number of seconds above zero.")
        if total is None or float(wanted) < total:
            total = float(wanted)
            exchange.has_own_deadline = True
    exchange.ends_at = None if total is None else exchange.started + total


def overdue(exchange: Exchange, runtime: Runtime) -> GatewayError:
    """What it means that a phase took too long."""
    timeouts = exchange.timeouts
    if exchange.phase == "connect":
        if runtime.is_pool_full(exchange):
            return GatewayError(Code.OVERLOADED, "No connection became free in time.", untouched=True)
        return GatewayError(Code.CONNECT_TIMEOUT, "No connection in time.", untouched=True)
    if exchange.phase == "queue":
        return GatewayError(Code.QUEUE_TIMEOUT, "The call's turn didn't come in time.", untouched=True)
    if exchange.phase == "counters":
        return GatewayError(Code.STATE_UNAVAILABLE, "The counters didn't answer in time.", untouched=True)
    if exchange.phase == "response":
        return GatewayError(Code.RESPONSE_TIMEOUT, f"No answer within {timeouts.response_s:g} s.")
    return GatewayError(Code.IDLE_TIMEOUT, f"Nothing moved for {timeouts.idle_s:g} s.")
