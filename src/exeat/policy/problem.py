"""A failure as the caller sees it: problem+json (RFC 9457) with the same name in Exeat-Error and Proxy-Status."""

import orjson

from exeat.errors import Code, GatewayError
from exeat.model.key import mask
from exeat.wire.fields import render_field

CONTENT_TYPE = b"application/problem+json"
FORWARDED = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"


def problem_of(error: GatewayError, request_id: str, upstream: str | None, attempts: int) -> dict[str, object]:
    """The problem's members; what isn't known is left out."""
    meaning = error.meaning
    members: dict[str, object | None] = {
        "type": f"/-/errors/{error.code}",
        "title": meaning.title,
        "status": meaning.status,
        "detail": mask(error.detail),  # it may quote what the caller wrote
        "instance": f"urn:uuid:{request_id}",
        "code": str(error.code),
        "origin": "gateway",
        "request_id": request_id,
        "upstream": upstream,
        "hint": error.hint or meaning.hint,
        "retry_after": error.retry_after,
        "attempts": attempts,
    }
    return {name: value for name, value in members.items() if value is not None}


def fields_of(error: GatewayError) -> list[bytes]:
    """The fields that go with a problem (RFC 9110 §15.5.2, §15.5.6, §10.2.3; RFC 9209)."""
    meaning = error.meaning
    fields = [
        render_field(b"Content-Type", CONTENT_TYPE),
        b"Cache-Control: no-store\r\n",
        render_field(b"Exeat-Error", error.code.encode()),
        render_field(b"Proxy-Status", f"exeat; error={meaning.proxy_status}".encode()),
    ]
    if meaning.status == 401:  # noqa: PLR2004 - RFC 9110 §15.5.2: a 401 names a scheme
        fields.append(b'WWW-Authenticate: Bearer realm="exeat"\r\n')
    if error.code == Code.METHOD_NOT_ALLOWED:
        fields.append(render_field(b"Allow", (error.allow or FORWARDED).encode()))
    if (after_s := error.retry_after) is not None:
        fields.append(render_field(b"Retry-After", b"%d" % after_s))
    return fields


def render_problem(problem: dict[str, object]) -> bytes:
    """The problem as JSON."""
    return orjson.dumps(problem)
