"""Phase 8: try the endpoints until one answers with a head.

An attempt takes a connection (from the pool, or dialled to a judged address), attaches the credential last, sends, and
waits for the head of the response. Whether another attempt follows one that failed is decided by policy/retry.py; what
that takes is in retrying.py.
"""

import re

from exeat.errors import Code, GatewayError
from exeat.model.credential import Injection
from exeat.model.decision import Decision
from exeat.model.retries import DEFAULT as NO_UPSTREAM
from exeat.model.retries import Retries
from exeat.model.upstream import Endpoint, Route
from exeat.policy.authorize import Permit
from exeat.policy.forward import render_request
from exeat.policy.plain_bodies import ask_plainly, ask_readably
from exeat.policy.retry import FAILED_STATUSES, FIRST_ERROR
from exeat.policy.retry_signs import should_retry, with_key
from exeat.proxy.drive import Wait
from exeat.proxy.exchange import Attempt, Exchange
from exeat.proxy.replay import give_body
from exeat.proxy.resigning import sink_of
from exeat.proxy.retrying import Retrying, owner_of
from exeat.proxy.runtime import Runtime
from exeat.proxy.upstream import UpstreamConnection
from exeat.wire.http1 import RequestHead, ResponseHead

BARE = Injection("none", frozenset(), passes_caller=True)  # that of a bare destination
_SECONDS = re.compile(rb"[0-9]{1,6}(?:\.[0-9]{1,6})?")


async def attempt(exchange: Exchange, permit: Permit, runtime: Runtime) -> tuple[UpstreamConnection, ResponseHead]:
    """Try until an upstream answers, and return its connection and the head of its response."""
    endpoints, now = endpoints_of(exchange, permit, runtime), runtime.clock()
    retries = begin(exchange, permit, runtime, now)
    endpoint, is_fresh = choose(exchange, permit, endpoints, (), now, runtime), False
    again: Retrying | None = None
    shown, exchange.shown = permit.credential, None
    waits = shown is not None and not shown.is_ready
    while True:
        one = add(exchange, endpoint, now)
        connection = None
        try:
            if waits:
                shown = await runtime.presenting.ready(exchange, permit)
            connection = runtime.pool.take(endpoint.route, fresh=is_fresh)
            if connection is None:
                connection = await connect(exchange, endpoint.route, runtime)
            one.address, one.is_reused = connection.address, connection.is_reused
            response = await send(exchange, permit, endpoint, connection, shown, runtime)
        except GatewayError as error:
            end(one, connection, error, runtime.clock())
            again = again or Retrying(exchange, permit, retries, endpoints, runtime)
            if not again.after_failure(connection, error):
                raise
        else:
            if not is_error(exchange, one, connection, response, retries, runtime):
                return connection, response
            again = again or Retrying(exchange, permit, retries, endpoints, runtime)
            if not again.after_answer(connection, response):
                return connection, response
        await again.pause()
        now, is_fresh = runtime.clock(), again.is_fresh
        if not is_fresh:
            endpoint = choose(exchange, permit, endpoints, again.tried, now, runtime)


def add(exchange: Exchange, endpoint: Endpoint, now: float) -> Attempt:
    """Begin an attempt, and its span where traces are made."""
    one = Attempt(endpoint, now)
    exchange.attempts.append(one)
    if exchange.trace is not None:
        exchange.head = exchange.trace.attempt(exchange.head_or_raise)
    return one


def end(one: Attempt, connection: UpstreamConnection | None, error: GatewayError, now: float) -> None:
    """Take down that an attempt failed; nothing more comes on its connection."""
    one.error, one.failed_at = error.code, now
    if connection is not None:
        connection.close()


def begin(exchange: Exchange, permit: Permit, runtime: Runtime, now: float) -> Retries:
    """Count a call for its retry budget, and give it an idempotency key if it should have one; its rules."""
    upstream = permit.upstream
    retries = NO_UPSTREAM if upstream is None else upstream.retries
    if retries.limit:
        runtime.budgets.of(owner_of(permit)).count(now)
    if upstream is not None and upstream.alters_bodies:
        exchange.head = ask_plainly(exchange.head_or_raise, whole=upstream.scrubs_bodies)
    elif exchange.bill is not None and exchange.bill.reads_body:
        exchange.head = ask_readably(exchange.head_or_raise)
    if retries.idempotency_key is not None:
        exchange.head = with_key(exchange.head_or_raise, retries.idempotency_key, exchange.id.encode())
    return retries


def choose(
    exchange: Exchange,
    permit: Permit,
    endpoints: tuple[Endpoint, ...],
    tried: tuple[Endpoint, ...],
    now: float,
    runtime: Runtime,
) -> Endpoint:
    """The endpoint of the next attempt."""
    if exchange.chosen is not None:
        leave(exchange, runtime)
    endpoint, exchange.chosen = runtime.balancing.choose(permit.upstream, endpoints, tried, now)
    return endpoint


def is_error(
    exchange: Exchange,
    one: Attempt,
    connection: UpstreamConnection,
    response: ResponseHead,
    retries: Retries,
    runtime: Runtime,
) -> bool:
    """Take down that the head of an answer came; whether it is one that could be followed by another attempt."""
    status = one.status = response.status
    now = one.head_at = runtime.clock()
    if exchange.chosen is not None:
        began = max(one.began, connection.moved_at) if exchange.head_or_raise.has_body else one.began
        runtime.balancing.judge(exchange.chosen, failed=status in FAILED_STATUSES, took_s=now - began, now=now)
    if exchange.member is not None and exchange.shown is not None:
        runtime.admission.pools.judge(exchange, response)
    if status >= FIRST_ERROR and (
        status in retries.statuses or exchange.shown is not None or should_retry(response) is not None
    ):
        return True
    if exchange.replay is not None:
        exchange.replay.forget()
    return False


def leave(exchange: Exchange, runtime: Runtime) -> None:
    """The attempt before, if there was one, is over for its endpoint."""
    chosen = exchange.chosen
    if chosen is not None:
        exchange.chosen = None
        runtime.balancing.leave(chosen)


async def connect(exchange: Exchange, route: Route, runtime: Runtime) -> UpstreamConnection:
    """A connection: one that another request gives back, or a new one, whichever comes first."""
    timeouts = exchange.timeouts

    def reported(decision: Decision) -> None:
        exchange.decision = decision

    waiter = runtime.pool.wait(route, timeouts, reported)
    exchange.route = route
    exchange.enter("connect", runtime.clock(), timeouts.until_sent_s + 1.0)
    try:
        return await waiter.wait
    except GatewayError:
        runtime.pool.leave(route, waiter)
        raise


def send(
    exchange: Exchange,
    permit: Permit,
    endpoint: Endpoint,
    connection: UpstreamConnection,
    shown: Injection | None,
    runtime: Runtime,
) -> Wait[ResponseHead]:
    """Send the request with the credential that is shown; what it returns brings the head of the response."""
    head, presented, resolved, upstream = exchange.head, exchange.presented, exchange.resolved, permit.upstream
    assert head is not None and presented is not None and resolved is not None  # noqa: S101, PT018 - phases 1 to 3
    connection.needles = () if shown is None else shown.needles
    via = runtime.pseudonym if upstream is not None and upstream.via else None
    if exchange.gathered is not None or (shown is not None and not shown.is_ready):
        rendered, body = runtime.presenting.render(
            exchange, shown or BARE, host=endpoint.host, base=endpoint.base_path, path=permit.path, via=via
        )
        if body is not None:
            return send_whole(exchange, connection, rendered, body, runtime)
    else:
        rendered = render_request(
            head,
            host=endpoint.host,
            base=endpoint.base_path,
            path=permit.path,
            query=resolved.query,
            presented=presented,
            injection=shown,
            via=via,
        )
    exchange.was_sent = True
    exchange.enter("response", runtime.clock(), exchange.timeouts.response_s)
    has_body = head.has_body
    held = head.chunked and not exchange.waits_to_continue
    wait = connection.send(rendered, head.method, exchange.caller, chunked=head.chunked, has_body=has_body, held=held)
    if has_body:
        exchange.source = connection  # the time for the answer begins with the last byte of the body
        retries = NO_UPSTREAM if upstream is None else upstream.retries
        keeps_bytes = retries.body_bytes if retries.limit or exchange.shown is not None else 0
        give_body(exchange, sink_of(exchange, connection), keeps_bytes)
    return wait


def send_whole(
    exchange: Exchange, connection: UpstreamConnection, rendered: bytes, body: bytes, runtime: Runtime
) -> Wait[ResponseHead]:
    """Send a request whose body is here as a whole."""
    exchange.was_sent = True
    exchange.enter("response", runtime.clock(), exchange.timeouts.response_s)
    head = exchange.head_or_raise
    wait = connection.send(rendered, head.method, exchange.caller, chunked=False, has_body=bool(body))
    if body:
        exchange.source = connection
        connection.send_body(body)
        connection.end_body([])
    return wait


def endpoints_of(exchange: Exchange, permit: Permit, runtime: Runtime) -> tuple[Endpoint, ...]:
    """Where the attempts may go: an upstream's endpoints, or the one origin of a destination."""
    endpoints = permit.endpoints
    if endpoints:
        return endpoints
    destination, resolved = permit.destination, exchange.resolved
    assert destination is not None  # noqa: S101 - a permit has endpoints or a destination
    assert resolved is not None  # noqa: S101 - phase 2
    assert resolved.target is not None  # noqa: S101 - destinations are called by URL
    return (runtime.endpoint(destination, resolved.target.origin),)


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
    if exchange.phase == "token":
        detail = "No token for the upstream was there in time."
        return GatewayError(Code.CREDENTIAL_UNAVAILABLE, detail, untouched=True)
    if exchange.phase == "queue":
        return GatewayError(Code.QUEUE_TIMEOUT, "The call's turn didn't come in time.", untouched=True)
    if exchange.phase == "counters":
        return GatewayError(Code.STATE_UNAVAILABLE, "The counters didn't answer in time.", untouched=True)
    if exchange.phase == "response":
        return GatewayError(Code.RESPONSE_TIMEOUT, f"No answer within {timeouts.response_s:g} s.")
    return GatewayError(Code.IDLE_TIMEOUT, f"Nothing moved for {timeouts.idle_s:g} s.")
