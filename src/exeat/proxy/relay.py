"""Phase 9: the upstream's answer on its way to the caller, head first, then the body as it arrives."""

from exeat.errors import GatewayError
from exeat.model.origin import Origin
from exeat.policy.authorize import Permit
from exeat.policy.cors import allowed_origin, replace_fields
from exeat.policy.rewrite import Form, echoes, names_urls, rewrite_urls, scrub
from exeat.proxy.exchange import Answer, Exchange
from exeat.proxy.runtime import Runtime
from exeat.proxy.upstream import UpstreamConnection
from exeat.wire.fields import Field
from exeat.wire.http1 import ResponseHead

# Bodies that last as long as someone listens: no total timeout, and an error event where they break.
STREAMS = (b"text/event-stream", b"application/x-ndjson", b"application/jsonl", b"application/json-seq")


async def relay(
    exchange: Exchange, permit: Permit, connection: UpstreamConnection, response: ResponseHead, runtime: Runtime
) -> None:
    """Send head and body to the caller, and give the connection back; it is closed if anything goes wrong."""
    caller = exchange.caller
    try:
        answer = _answer(exchange, permit, response, runtime)
        exchange.head_at = runtime.clock()
        content, done = connection.begin_body()
        caller.begin(answer, content, done=done)
        if not done:
            exchange.enter("relay", exchange.head_at, exchange.timeouts.idle_s)
            caller.attach(connection)
            await connection.relay()
    except GatewayError:
        connection.close()
        raise
    finally:
        exchange.source = None
    runtime.pool.release(connection)


def _answer(exchange: Exchange, permit: Permit, response: ResponseHead, runtime: Runtime) -> Answer:
    known = response.known
    exchange.is_stream = known.get(b"content-type", b"").lower().startswith(STREAMS)
    fields = rewritten(exchange, permit, response)
    head = exchange.head_or_raise
    if b"origin" in head.known:
        fields = replace_fields(fields, allowed_origin(head, exchange.snapshot.cors))
    if b"date" not in known:
        fields = [*fields, (b"Date", runtime.date)]
    return Answer(response.status, response.reason, fields, response.length, response.chunked, b"upstream")


def rewritten(exchange: Exchange, permit: Permit, response: ResponseHead) -> list[Field]:
    """The response's fields with URLs in the caller's form and without the injected secret."""
    fields = response.fields
    upstream = permit.upstream
    if upstream is not None and upstream.credential.needles:
        needles = upstream.credential.needles
        if echoes(b"\n".join([value for _, value in fields]), needles):
            fields = scrub(fields, needles)
    if names_urls(response):
        fields = rewrite_urls(fields, _form(exchange, permit))
    return fields


def _form(exchange: Exchange, permit: Permit) -> Form:
    resolved = exchange.resolved
    assert resolved is not None  # noqa: S101 - phase 2
    if permit.upstream is not None and resolved.mode != "url":
        bases: tuple[tuple[Origin, bytes], ...] = tuple((e.origin, e.base_path) for e in permit.endpoints)
    elif resolved.target is not None:
        bases = ((resolved.target.origin, b""),)
    else:
        bases = ()
    return Form(exchange.caller.gateway, resolved.prefix, bases)
