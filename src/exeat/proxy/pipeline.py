"""The life of one request, top to bottom.

Start reading here. Each phase is one call, in the order it happens; the numbers are those of
docs/concepts/life-of-a-request.md. A phase returns what the next one needs or raises GatewayError; nothing is
retried, logged or answered anywhere else.
"""

from collections.abc import Coroutine
from typing import Any

from exeat.errors import Code, GatewayError
from exeat.policy.authenticate import identify, key_id, present
from exeat.policy.authorize import Permit, check_network, permit_destination, permit_upstreams
from exeat.policy.cors import allowed_origin, is_preflight, preflight_fields
from exeat.policy.forward import Spent, check_loop
from exeat.policy.resolve import Resolved, resolve
from exeat.proxy.answers import answer, fail
from exeat.proxy.attempt import attempt, parse_timeout
from exeat.proxy.exchange import Exchange
from exeat.proxy.relay import relay
from exeat.proxy.runtime import Runtime


async def serve(exchange: Exchange, runtime: Runtime) -> None:
    """Serve one request and account for it exactly once."""
    await _account(proxy(exchange, runtime), exchange, runtime)


async def serve_call(exchange: Exchange, runtime: Runtime) -> None:
    """Serve one call of an envelope, whose caller and place are known already, and account for it."""
    assert exchange.resolved is not None  # noqa: S101 - envelope.py found it
    await _account(forward(exchange, exchange.resolved, runtime), exchange, runtime)


async def _account(phases: Coroutine[Any, Any, None], exchange: Exchange, runtime: Runtime) -> None:
    try:
        await phases
    except GatewayError as error:
        fail(exchange, error, runtime.date)
    except Exception as error:  # noqa: BLE001 - the outermost boundary: a bug must neither leak nor end the process
        runtime.log_bug(exchange, error)
        fail(exchange, GatewayError(Code.INTERNAL, "A fault inside Exeat; its log has the details."), runtime.date)
    finally:
        runtime.record(exchange)  # 11: record


async def proxy(exchange: Exchange, runtime: Runtime) -> None:
    """Run the phases; the head was received and checked, and the snapshot pinned, in downstream.py (1: receive)."""
    resolved = find(exchange, runtime)  # 2: resolve
    if resolved.mode == "own":
        await runtime.own(exchange, resolved.path)
    elif is_preflight(exchange.head_or_raise) and answer_preflight(exchange, runtime):
        return
    else:
        recognise(exchange, resolved)  # 3: identify
        await forward(exchange, resolved, runtime)


async def forward(exchange: Exchange, resolved: Resolved, runtime: Runtime) -> None:
    """The phases of a request whose caller is known, whichever mode it came in."""
    permit = authorize(exchange, resolved)  # 4: authorize
    connection, response = await attempt(exchange, permit, runtime)  # 8: attempt
    await relay(exchange, permit, connection, response, runtime)  # 9: relay


def find(exchange: Exchange, runtime: Runtime) -> Resolved:
    """Find where the request wants to go, and that it hasn't been here before."""
    head = exchange.head_or_raise
    if b"via" in head.known:
        check_loop(head, runtime.pseudonym)
    exchange.resolved = resolved = resolve(head, exchange.snapshot)
    return resolved


def recognise(exchange: Exchange, resolved: Resolved) -> None:
    """Find out who is calling. Comes before any 404, so that a stranger learns nothing about what exists."""
    head = exchange.head_or_raise
    credential = resolved.upstreams[0].credential if resolved.upstreams else None
    slot = credential.slot if credential is not None else None
    parameter = credential.parameter if credential is not None else None
    presented = present(head, slot, parameter, resolved.query)
    exchange.key_id = key_id(presented.key)
    exchange.key = identify(presented.key, exchange.snapshot, exchange.began_at)
    exchange.spent = Spent(*presented)


def authorize(exchange: Exchange, resolved: Resolved) -> Permit:
    """Decide whether this caller may make this call."""
    head, key = exchange.head_or_raise, exchange.key
    assert key is not None  # noqa: S101 - recognise() came before
    network = check_network(key, exchange.address or "")
    if network.outcome == "deny":
        raise GatewayError(network.code or Code.IP_NOT_ALLOWED, network.reason)
    if resolved.unknown is not None:
        raise GatewayError(Code.UPSTREAM_UNKNOWN, f"No upstream is named {resolved.unknown!r}.")
    origin = resolved.target.origin if resolved.target is not None else None
    if resolved.upstreams:
        permit = permit_upstreams(resolved.upstreams, origin, key.consumer, head.method, resolved.path)
    else:
        assert origin is not None  # noqa: S101 - what has no upstream came as a URL
        permit = permit_destination(resolved.destination, origin, key.consumer, head.method, resolved.path)
    exchange.permit = permit
    exchange.decision = network if network.outcome == "report" else permit.decision
    rules = permit.upstream or permit.destination
    if rules is not None:
        exchange.timeouts = rules.timeouts
    wanted = parse_timeout(head)
    total = exchange.timeouts.total_s if wanted is None else min(wanted, exchange.timeouts.total_s or wanted)
    exchange.ends_at = None if total is None else exchange.started + total
    exchange.has_own_deadline = wanted is not None or not exchange.timeouts.total_is_default
    return permit


def answer_preflight(exchange: Exchange, runtime: Runtime) -> bool:
    """Answer a browser's preflight where the document lists the page's origin."""
    head, cors = exchange.head_or_raise, exchange.snapshot.cors
    origin = allowed_origin(head, cors)
    if origin is None or cors is None:
        return False
    answer(exchange, 204, preflight_fields(head, origin, cors), b"", runtime.date)
    return True
