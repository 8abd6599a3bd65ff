"""Phase 9: the upstream's answer on its way to the caller, head first, then the body as it arrives."""

from exeat.errors import GatewayError
from exeat.policy.authorize import Permit
from exeat.policy.cors import allowed_origin, replace_fields
from exeat.policy.rewrite import echoes, names_urls, rewrite_urls, scrub, scrub_text
from exeat.proxy.altering import alter
from exeat.proxy.exchange import Answer, Exchange
from exeat.proxy.forms import form_of
from exeat.proxy.runtime import Runtime
from exeat.proxy.standing import wants_legacy
from exeat.proxy.upstream import UpstreamConnection
from exeat.wire.fields import name_of
from exeat.wire.http1 import ResponseHead

# Bodies that last as long as someone listens: no default total timeout, and an error event where they break.
LEGACY = frozenset({b"x-ratelimit-limit", b"x-ratelimit-remaining", b"x-ratelimit-reset"})
STREAMS = (b"text/event-stream", b"application/x-ndjson", b"application/jsonl", b"application/json-seq")


def begin_relay(
    exchange: Exchange, permit: Permit, connection: UpstreamConnection, response: ResponseHead, runtime: Runtime
) -> bool:
    """Send the head and the content that came with it; whether that was all."""
    exchange.head_at = runtime.clock()
    upstream = permit.upstream
    try:
        altered = None
        if upstream is not None and upstream.alters_bodies:
            altered = alter(exchange, permit, upstream, connection, response, runtime)
        if altered is None:
            answer = answer_of(exchange, permit, connection, response, runtime)
            content, done = connection.begin_body()
        else:
            response, content, done = altered.first(connection)
            answer = answer_of(exchange, permit, connection, response, runtime)
        if done and connection.trailers:
            exchange.caller.begin(answer, content, done=False)
            exchange.caller.end(connection.trailers)
        else:
            exchange.caller.begin(answer, content, done=done)
    except GatewayError:
        connection.close()
        raise
    return done


async def finish_relay(exchange: Exchange, connection: UpstreamConnection, runtime: Runtime) -> None:
    """Send the rest of the body as it arrives; the connection is closed if anything goes wrong."""
    exchange.enter("relay", runtime.clock(), exchange.timeouts.idle_s)
    exchange.caller.attach(connection)
    try:
        await connection.relay()
    except GatewayError:
        connection.close()
        raise


def answer_of(
    exchange: Exchange, permit: Permit, connection: UpstreamConnection, response: ResponseHead, runtime: Runtime
) -> Answer:
    """The head as the caller gets it: URLs in the caller's form, no injected secret, the gateway's CORS decision."""
    known, fields, reason = response.known, response.fields, response.reason
    kind = known.get(b"content-type")
    exchange.is_stream = kind is not None and kind.startswith(STREAMS)
    if exchange.capture is not None:
        exchange.capture.response.describe(response)
    if exchange.bill is not None:
        exchange.bill.describe(response)
    if permit.upstream is not None:
        runtime.admission.learn(exchange, permit.upstream, response)
    if echoes(connection.raw_head, connection.needles):
        fields, reason = scrub(fields, connection.needles), scrub_text(reason, connection.needles)
    if names_urls(response):
        fields = rewrite_urls(fields, form_of(exchange, permit))
    head = exchange.head_or_raise
    if b"origin" in head.known:
        fields = replace_fields(fields, allowed_origin(head, exchange.snapshot.cors))
    if exchange.told is not None and wants_legacy(head):
        fields = [line for line in fields if name_of(line) not in LEGACY]
    if b"date" not in known:
        fields = [*fields, b"Date: " + runtime.date + b"\r\n"]
    return Answer(response.status, reason, fields, response.length, chunked=response.chunked, origin=b"upstream")
