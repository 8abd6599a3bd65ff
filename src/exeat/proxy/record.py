"""Phases 7 and 11: what is put down of an exchange before it is sent, and when it has ended.

The access line of an exchange is its record: one rendering, with the same members (model/audit.py).
"""

from typing import Final

import orjson

from exeat.errors import Code
from exeat.model.key import mask
from exeat.model.upstream import Upstream
from exeat.policy.price import render_amount
from exeat.policy.resolve import Resolved
from exeat.policy.rewrite import echoes, scrub_text
from exeat.proxy.exchange import Attempt, Exchange
from exeat.telemetry.access_log import Members, redact_query
from exeat.wire.trace_context import parse_traceparent

_dumps: Final = orjson.dumps  # bound once
_METHODS: Final = {name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}
# What an intent holds, in this order; its members are those of the record that it becomes if nothing follows.
INTENT = ("id", "time", "consumer", "key", "address", "mode", "method", "upstream", "origin", "path", "query", "trace")


def intent_of(exchange: Exchange, time: str) -> bytes:
    """What is put down of an exchange before it is sent: as a JSON array, the members listed in INTENT."""
    head, key, resolved = exchange.head_or_raise, exchange.key, exchange.resolved
    assert key is not None and resolved is not None  # noqa: S101, PT018 - phases 2 and 3
    path, query = texts_of(exchange, resolved)
    target = resolved.target
    return _dumps(
        [
            exchange.id,
            time,
            key.consumer.name,
            key.id,
            exchange.address or None,
            resolved.mode,
            _text_of(head.method),
            exchange.upstream,
            None if target is None else mask(str(target.origin)),
            path,
            query,
            trace_of(exchange),
        ]
    )


def interrupted(intent: bytes) -> bytes:
    """The record of an exchange of which only the intent is known: the process ended in the middle of it."""
    known = dict(zip(INTENT, orjson.loads(intent), strict=True))
    trace = known.pop("trace")
    return orjson.dumps(
        {
            "id": known.pop("id"),
            "time": known.pop("time"),
            "kind": "exchange",
            "outcome": "interrupted",
            **known,
            "decision": None,
            "reason": None,
            "status": 0,
            "error": None,
            "attempts": [],
            "credential": None,
            "duration_ms": None,
            "head_ms": None,
            "bytes_in": 0,
            "bytes_out": 0,
            "cost": None,
            "cache": None,
            "trace": trace,
            "bodies": None,
        }
    )


def members_of(exchange: Exchange, time: str, now: float) -> Members:
    """The members of an exchange's record; `time` is when it began, `now` the monotonic clock."""
    head, decision, key, permit = exchange.head, exchange.decision, exchange.key, exchange.permit
    resolved = exchange.asked or exchange.resolved
    started, head_at, error = exchange.started, exchange.head_at, exchange.error
    path, query, origin = exchange.path, exchange.query, None
    if resolved is not None:
        if exchange.intent is None:
            path, query = texts_of(exchange, resolved)
        if resolved.target is not None:
            origin = mask(str(resolved.target.origin))
    attempts = exchange.attempts
    upstream = None if permit is None else permit.upstream
    return {
        "id": exchange.id,
        "time": time,
        "kind": "exchange",
        "outcome": _outcome(error, is_tried=bool(attempts)),
        "consumer": None if key is None else key.consumer.name,
        "key": exchange.key_id if key is None else key.id,
        "address": exchange.address or None,
        "mode": None if resolved is None else resolved.mode,
        "method": None if head is None else _text_of(head.method),
        "upstream": exchange.upstream,
        "origin": origin,
        "path": path,
        "query": query,
        "decision": None if decision is None else decision.outcome,
        "reason": None if decision is None or decision.outcome == "allow" else mask(decision.reason),
        "status": exchange.status,
        "error": None if error is None else str(error),
        "attempts": [_attempt(attempt, started) for attempt in attempts],
        "credential": _credential(exchange, upstream),
        "duration_ms": _ms(now - started),
        "head_ms": None if head_at is None else _ms(head_at - started),
        "bytes_in": exchange.bytes_in,
        "bytes_out": exchange.bytes_out,
        "cost": None if exchange.cost is None else render_cost(*exchange.cost),
        "cache": None,
        "trace": trace_of(exchange),
        "bodies": None,
    }


def _credential(exchange: Exchange, upstream: Upstream | None) -> str | None:
    """Which kind of credential the upstream was shown; of a pool, which one."""
    if exchange.member is not None:
        return exchange.member.name
    return None if upstream is None else upstream.credential.kind


def _text_of(method: bytes) -> str:
    """A method as it is recorded."""
    return _METHODS.get(method) or mask(method.decode())


def _outcome(error: Code | None, *, is_tried: bool) -> str:
    if error is None:
        return "completed"
    return "failed" if is_tried and error != Code.AUDIT_UNAVAILABLE else "refused"


def texts_of(exchange: Exchange, resolved: Resolved) -> tuple[str, str | None]:
    """Path and query as they are recorded: no key in them, no value of the query, nor the upstream's own secret."""
    path, query, permit = resolved.path, resolved.query, exchange.permit
    if permit is not None and permit.upstream is not None:
        needles = exchange.needles
        if needles and echoes(path if query is None else b"%b?%b" % (path, query), needles):
            path = scrub_text(path, needles)
            query = None if query is None else scrub_text(query, needles)
    exchange.path = text = mask(path.decode("latin-1"))
    exchange.query = redacted = redact_query(query, exchange.snapshot.audit.query_values)
    return text, redacted


def _attempt(attempt: Attempt, started: float) -> Members:
    head_at, error = attempt.head_at, attempt.error
    return {
        "endpoint": attempt.endpoint.text,
        "address": attempt.address,
        "status": attempt.status,
        "error": None if error is None else str(error),
        "began_ms": _ms(attempt.began - started),
        "head_ms": None if head_at is None else _ms(head_at - started),
        "retry": attempt.retry,
    }


def render_cost(amount: int, currency: str) -> dict[str, object]:
    """What an exchange has cost, as records and envelopes say it."""
    return {"amount": render_amount(amount), "currency": currency}


def _ms(seconds: float) -> float:
    """Milliseconds with three decimals; round() takes twice as long."""
    return int(seconds * 1e6 + 0.5) / 1e3


def trace_of(exchange: Exchange) -> str | None:
    """The trace that an exchange is a part of: where none are made here, that of its caller."""
    if exchange.trace is not None:
        return exchange.trace.trace_id
    head = exchange.head
    if head is None or b"traceparent" not in head.known:
        return None
    parent = parse_traceparent(head.known[b"traceparent"])
    return None if parent is None else parent.trace_id
