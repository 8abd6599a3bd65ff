"""Spans of OpenTelemetry, made of what workers have noted of their exchanges (proxy/observing.py).

Names and attributes are those of OpenTelemetry's semantic conventions for HTTP (1.23 and later); what they have no word
for begins with `exeat.`. Values are the record's, which holds no secret; those of a query are left out here whatever
the document has recorded of them.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from exeat import __version__
from exeat.telemetry.access_log import redact_query

Json = Mapping[str, Any]
Value = str | int | float | bool
Attributes = dict[str, Value]
SCOPE = InstrumentationScope("exeat", __version__)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"})
PORTS = {"http": 80, "https": 443}
FAILED = 500
REFUSED = 400
SAMPLED = TraceFlags(TraceFlags.SAMPLED)
# What of a record is said as it is, under `exeat.` and its name.
PLAIN = ("consumer", "key", "upstream", "mode", "decision", "outcome", "credential")


def resource_of(instance: str) -> Resource:
    """What all spans of a gateway are of."""
    return Resource({"service.name": "exeat", "service.version": __version__, "service.instance.id": instance})


def spans_of(noted: Json, resource: Resource) -> Iterator[ReadableSpan]:
    """The spans of one exchange: its own, and those of its attempts."""
    record, began = noted["record"], noted["began_ns"]
    state = TraceState.from_header([noted["state"]]) if noted["state"] else None
    own = _context(noted, noted["span_id"], state)
    parent = noted["parent_id"]
    yield ReadableSpan(
        _name_of(record),
        context=own,
        parent=None if parent is None else _context(noted, parent, state, is_remote=True),
        resource=resource,
        attributes=_attributes_of(noted, record),
        events=[Event(phase, timestamp=_at(began, ms)) for phase, ms in noted["moments"]],
        kind=SpanKind.SERVER,
        instrumentation_scope=SCOPE,
        status=_status(is_error=_has_failed(record)),
        start_time=began,
        end_time=_at(began, record["duration_ms"]),
    )
    for number, (attempt, (span_id, ended_ms)) in enumerate(zip(record["attempts"], noted["spans"], strict=False)):
        head_ms = attempt["head_ms"]
        yield ReadableSpan(
            _method_of(record)[1],
            context=_context(noted, span_id, state),
            parent=own,
            resource=resource,
            attributes=_attributes_of_attempt(noted, record, attempt, number),
            events=[] if head_ms is None else [Event("head", timestamp=_at(began, head_ms))],
            kind=SpanKind.CLIENT,
            instrumentation_scope=SCOPE,
            status=_status(is_error=_fault_of(record, attempt, number) is not None),
            start_time=_at(began, attempt["began_ms"]),
            end_time=_at(began, record["duration_ms"] if ended_ms is None else ended_ms),
        )


def _at(began_ns: int, ms: float) -> int:
    return began_ns + int(ms * 1e6)


def _context(noted: Json, span_id: str, state: TraceState | None, *, is_remote: bool = False) -> SpanContext:
    return SpanContext(int(noted["trace_id"], 16), int(span_id, 16), is_remote, SAMPLED, state)


def _status(*, is_error: bool) -> Status:
    return Status(StatusCode.ERROR if is_error else StatusCode.UNSET)


def _method_of(record: Json) -> tuple[str, str]:
    """The method as an attribute says it, and as a name does: there are only so many names."""
    method = record["method"]
    return (method, method) if method in METHODS else ("_OTHER", "HTTP")


def _name_of(record: Json) -> str:
    """The name of an exchange's span. What a stranger could write doesn't become one."""
    method, known = _method_of(record)[1], record["attempts"] or record["status"] < REFUSED
    if record["upstream"] is not None:
        return f"{method} {record['upstream']}"
    if record["mode"] == "own" and known:
        return f"{method} {record['path']}"
    return f"{method} {record['origin']}" if record["origin"] is not None and record["attempts"] else method


def _has_failed(record: Json) -> bool:
    """Whether an exchange's span is one of an error: what was refused to the caller isn't."""
    return bool(record["status"] >= FAILED or record["outcome"] == "failed")


def _present(attributes: Mapping[str, Value | None]) -> Attributes:
    return {name: value for name, value in attributes.items() if value is not None}


def _attributes_of(noted: Json, record: Json) -> Attributes:
    method, cost, (scheme, is_known, _) = record["method"], record["cost"], noted["gateway"].partition("://")
    host, port = _host_of(noted["gateway"])
    return _present(
        {
            "http.request.method": _method_of(record)[0],
            "http.request.method_original": None if method in METHODS else method,
            "url.scheme": scheme if is_known else None,
            "url.path": record["path"],
            "url.query": _without_values(record["query"]),
            "server.address": host,
            "server.port": port,
            "client.address": record["address"],
            "network.protocol.name": "http",
            "network.protocol.version": noted["version"],
            "http.response.status_code": record["status"] or None,
            "http.request.body.size": record["bytes_in"],
            "http.response.body.size": record["bytes_out"],
            "error.type": (record["error"] or str(record["status"])) if _has_failed(record) else None,
            "exeat.request_id": record["id"],
            "exeat.code": record["error"],
            "exeat.reason": record["reason"],
            "exeat.cost": None if cost is None else f"{cost['amount']} {cost['currency']}",
            **{f"exeat.{name}": record[name] for name in PLAIN},
        }
    )


def _attributes_of_attempt(noted: Json, record: Json, attempt: Json, number: int) -> Attributes:
    host, port = _host_of(attempt["endpoint"])
    query = _without_values(record["query"])
    rest = "" if noted["redirected"] else f"{record['path'] or ''}{'' if query is None else '?' + query}"
    method = record["method"]
    return _present(
        {
            "http.request.method": _method_of(record)[0],
            "http.request.method_original": None if method in METHODS else method,
            "url.full": attempt["endpoint"].removesuffix("/") + rest,
            "server.address": host,
            "server.port": port,
            "network.peer.address": attempt["address"],
            "network.protocol.name": "http",
            "network.protocol.version": "1.1",
            "http.response.status_code": attempt["status"],
            "http.request.resend_count": number or None,
            "error.type": _fault_of(record, attempt, number),
            "exeat.upstream": record["upstream"],
            "exeat.retry": attempt["retry"],
        }
    )


def _fault_of(record: Json, attempt: Json, number: int) -> str | None:
    """What was wrong with an attempt: its own error, its answer's status, or that the answer broke off."""
    if attempt["error"] is not None:
        return str(attempt["error"])
    if attempt["status"] is not None and attempt["status"] >= REFUSED:
        return str(attempt["status"])
    is_last = number == len(record["attempts"]) - 1
    return str(record["error"]) if is_last and record["error"] is not None else None


def _host_of(url: str) -> tuple[str | None, int | None]:
    """The host and port of a URL; nothing of one that can't be read."""
    try:
        parts = urlsplit(url)
        return parts.hostname, parts.port or PORTS.get(parts.scheme)
    except ValueError:
        return None, None


def _without_values(query: str | None) -> str | None:
    return None if query is None else redact_query(query.encode("latin-1", "replace"))
