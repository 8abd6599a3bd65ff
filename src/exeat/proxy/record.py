"""Phase 11: what is recorded of an exchange when it has ended."""

from exeat.proxy.exchange import Exchange
from exeat.telemetry.access_log import Members, redact_query


def members_of(exchange: Exchange, time: str, now: float) -> Members:
    """The members of an exchange's access line; `time` is when it began, `now` the monotonic clock."""
    head, resolved, permit, decision = exchange.head, exchange.resolved, exchange.permit, exchange.decision
    members: Members = {
        "time": time,
        "id": exchange.id,
        "status": exchange.status,
        "duration_ms": round((now - exchange.started) * 1000, 3),
        "attempts": exchange.attempts,
        "bytes_in": exchange.bytes_in,
        "bytes_out": exchange.bytes_out,
    }
    if exchange.address:
        members["address"] = exchange.address
    if exchange.head_at is not None:
        members["head_ms"] = round((exchange.head_at - exchange.started) * 1000, 3)
    if head is not None:
        members["method"] = head.method.decode("latin-1")
    if exchange.key is not None:
        members["consumer"] = exchange.key.consumer.name
        members["key"] = exchange.key.id
    elif exchange.key_id is not None:
        members["key"] = exchange.key_id
    if resolved is not None:
        members["mode"] = resolved.mode
        members["path"] = resolved.path.decode("latin-1")
        if resolved.query:
            members["query"] = redact_query(resolved.query)
        if resolved.target is not None:
            members["origin"] = str(resolved.target.origin)
    if permit is not None and permit.upstream is not None:
        members["upstream"] = permit.upstream.name
    if decision is not None:
        members["decision"] = decision.outcome
        if decision.outcome != "allow":
            members["reason"] = decision.reason
    if exchange.error is not None:
        members["error"] = str(exchange.error)
    return members
