"""The life of one request, top to bottom.

Start reading here. Each phase is one call, in the order it happens; the numbers are those of
docs/concepts/life-of-a-request.md. A phase returns what the next one needs or raises GatewayError; nothing is
retried, logged or answered anywhere else.
"""

from exeat.errors import Code, GatewayError
from exeat.model.consumer import Key
from exeat.model.decision import deny
from exeat.model.key import mask
from exeat.policy.authenticate import NOWHERE, identify, in_native_place, key_id, present
from exeat.policy.authorize import ALLOWED, Permit, check_network, permit_destination, permit_upstreams
from exeat.policy.cors import allowed_origin, is_preflight, preflight_fields
from exeat.policy.forward import check_host, check_loop
from exeat.policy.resolve import Resolved, resolve
from exeat.policy.sign.caller import is_signed
from exeat.policy.signed_links import may_have_link
from exeat.proxy.answers import answer, fail
from exeat.proxy.attempt import attempt, deadline, leave
from exeat.proxy.by_link import recognise_by_link, without_link
from exeat.proxy.exchange import Exchange
from exeat.proxy.ledger import no_record
from exeat.proxy.redirects import follow
from exeat.proxy.relay import begin_relay, finish_relay
from exeat.proxy.runtime import Runtime
from exeat.proxy.signed import Signers, recognise_signed
from exeat.wire.http1 import RequestHead

PROBES = frozenset({b"/-/live", b"/-/ready"})  # they leave no record


async def serve(exchange: Exchange, runtime: Runtime) -> None:
    """Serve one request and account for it exactly once."""
    try:
        await proxy(exchange, runtime)
    except GatewayError as error:
        fail(exchange, runtime.refusal(exchange, error), runtime.date)
    except Exception as error:  # noqa: BLE001 - the outermost boundary: a bug must neither leak nor end the process
        runtime.log_bug(exchange, error)
        fail(exchange, GatewayError(Code.INTERNAL, "A fault inside Exeat; its log has the details."), runtime.date)
    finally:
        if exchange.chosen is not None:
            leave(exchange, runtime)
        if exchange.member is not None:
            runtime.admission.pools.leave(exchange)
        try:
            if exchange.claims is not None or exchange.bill is not None:
                runtime.admission.settle(exchange)  # 10: settle
        finally:
            runtime.record(exchange)  # 11: record


async def proxy(exchange: Exchange, runtime: Runtime) -> None:
    """Run the phases. Before them, downstream.py read and checked the head and pinned the snapshot (1: receive)."""
    head = exchange.head_or_raise
    resolved = exchange.resolved
    if resolved is None:  # a call of an envelope comes resolved and identified
        resolved = find(exchange, head, runtime)  # 2: resolve
        if b"origin" in head.known and answer_preflight(exchange, head, runtime):
            return
        if resolved.mode == "own":
            if not runtime.keeps_records and resolved.path not in PROBES:
                raise no_record()
            await runtime.own(exchange, resolved.path)
            return
        if is_signed(head, resolved.query):  # 3: identify
            resolved = await recognise_signed(exchange, head, resolved, runtime.signers, runtime.clock)
        else:
            recognise(exchange, head, resolved, runtime.signers)
        resolved = exchange.resolved or resolved
    try:
        permit = authorize(exchange, head, resolved)  # 4: authorize
    except GatewayError as error:
        exchange.decision = deny(error.code, error.detail)
        raise
    admission = runtime.admission
    if admission.is_needed and not admission.admit(exchange, permit):  # 5: admit
        await admission.stand(exchange, permit, runtime.clock())
    runtime.intend(exchange)  # 7: intend
    connection, response = await attempt(exchange, permit, runtime)  # 8: attempt
    upstream = permit.upstream
    if upstream is not None and upstream.follow_redirects:
        permit, connection, response = await follow(exchange, (permit, connection, response), upstream, runtime)
    if not begin_relay(exchange, permit, connection, response, runtime):  # 9: relay
        await finish_relay(exchange, connection, runtime)
    exchange.source = None
    runtime.pool.release(connection)


def find(exchange: Exchange, head: RequestHead, runtime: Runtime) -> Resolved:
    """Find where the request wants to go, and that it hasn't been here before."""
    if b"via" in head.known:
        check_loop(head, runtime.pseudonym)
    exchange.resolved = resolved = resolve(head, exchange.snapshot)
    return resolved


def recognise(exchange: Exchange, head: RequestHead, resolved: Resolved | None, signers: Signers | None = None) -> Key:
    """Find out who is calling. Comes before any 404, so that a stranger learns nothing about what exists."""
    if signers is not None and resolved is not None and may_have_link(resolved.query):
        return recognise_beside_link(exchange, head, resolved, signers)
    slot, prefix, parameter, query, elsewhere = None, b"", None, None, NOWHERE
    if resolved is not None and resolved.upstreams:
        credential, query = resolved.upstreams[0].credential, resolved.query
        slot, prefix, parameter = credential.slot, credential.prefix, credential.parameter
        if credential.cookies or credential.segment is not None:
            elsewhere, path = in_native_place(head, resolved.path, resolved.bases, credential)
            exchange.resolved = resolved.at(path)  # without the key, before anything can fail
    presented = exchange.presented = present(head, slot, parameter, query, elsewhere, prefix)
    try:
        key = exchange.key = identify(presented.key, exchange.snapshot, exchange.began_at)
    except GatewayError:
        exchange.key_id = key_id(presented.key)
        raise
    return key


def recognise_beside_link(exchange: Exchange, head: RequestHead, resolved: Resolved, signers: Signers) -> Key:
    """Find out who is calling by a URL that may be a link: nothing of that leaves, and it counts without a key."""
    resolved, links = without_link(resolved)
    exchange.resolved = resolved
    try:
        return recognise(exchange, head, resolved)
    except GatewayError as error:
        if not links or error.code != Code.KEY_MISSING:
            raise
    return recognise_by_link(exchange, head, resolved, links, signers)


def authorize(exchange: Exchange, head: RequestHead, resolved: Resolved) -> Permit:
    """Decide whether this caller may make this call."""
    key = exchange.key
    assert key is not None  # noqa: S101 - recognise() came before
    network = check_network(key, exchange.address)
    if network.outcome == "deny":
        raise GatewayError(network.code or Code.IP_NOT_ALLOWED, network.reason)
    if resolved.unknown is not None:
        raise GatewayError(Code.UPSTREAM_UNKNOWN, f"No upstream is named {mask(resolved.unknown)!r}.")
    origin = resolved.target.origin if resolved.target is not None else None
    if origin is not None and exchange.presented is not None:
        check_host(origin.host, exchange.presented)
    if resolved.upstreams:
        permit = permit_upstreams(resolved.upstreams, origin, key.consumer, head.method, resolved.path)
    else:
        assert origin is not None  # noqa: S101 - what has no upstream came as a URL
        permit = permit_destination(resolved.destination, origin, key.consumer, head.method, resolved.path)
    exchange.permit = permit
    exchange.decision = permit.decision if network is ALLOWED else network
    rules = permit.upstream or permit.destination
    if rules is not None:
        exchange.timeouts = rules.timeouts
    deadline(exchange, head)
    return permit


def answer_preflight(exchange: Exchange, head: RequestHead, runtime: Runtime) -> bool:
    """Answer a browser's preflight where the document lists the page's origin."""
    cors = exchange.snapshot.cors
    origin = allowed_origin(head, cors)
    if origin is None or cors is None or not is_preflight(head):
        return False
    if not runtime.keeps_records:
        raise no_record()
    answer(exchange, 204, preflight_fields(head, origin, cors), b"", runtime.date)
    return True
