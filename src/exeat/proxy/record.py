"""Phase 11: what is recorded of an exchange when it has ended."""

from exeat.model.key import mask
from exeat.proxy.exchange import Exchange
from exeat.telemetry.access_log import Members, redact_query


def members_of(exchange: Exchange, time: str, now: float) -> Members:
    """The members of an exchange's access line; `time` is when it began, `now` the monotonic clock."""
    head, decision, key = exchange.head, exchange.decision, exchange.key
    resolved = exchange.asked or exchange.resolved
    started, head_at, error = exchange.started, exchange.head_at, exchange.error
    return {
        "time": time,
        "id": exchange.id,
        "address": exchange.address or None,
        "consumer": None if key is None else key.consumer.name,
        "key": exchange.key_id if key is None else key.id,
        "mode": None if resolved is None else resolved.mode,
        "method": None if head is None else mask(head.method.decode()),
        "upstream": exchange.upstream,
        "origin": None if resolved is None or resolved.target is None else mask(str(resolved.target.origin)),
        "path": None if resolved is None else mask(resolved.path.decode()),
        "query": None if resolved is None or resolved.query is None else redact_query(resolved.query),
        "decision": None if decision is None else decision.outcome,
        "reason": None if decision is None or decision.outcome == "allow" else mask(decision.reason),
        "status": exchange.status,
        "error": None if error is None else str(error),
        "attempts": exchange.attempts,
        "duration_ms": round((now - started) * 1000, 3),
        "head_ms": None if head_at is None else round((head_at - started) * 1000, 3),
        "bytes_in": exchange.bytes_in,
        "bytes_out": exchange.bytes_out,
    }
