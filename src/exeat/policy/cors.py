"""Which web pages may call through the gateway from a browser (Fetch standard, CORS protocol).

The gateway decides, not the upstream: where a request names its origin, an upstream's own Access-Control-* fields are
replaced. A preflight carries no key, so it is answered here.
"""

from exeat.model.snapshot import Cors
from exeat.wire.fields import name_of, render_field
from exeat.wire.http1 import RequestHead


def is_preflight(head: RequestHead) -> bool:
    """Whether a browser asks for permission before the real request."""
    return head.method == b"OPTIONS" and b"origin" in head.known and b"access-control-request-method" in head.known


OWN_FIELDS = frozenset({b"exeat-request-id", b"exeat-origin", b"ratelimit", b"ratelimit-policy"})


def allowed_origin(head: RequestHead, cors: Cors | None) -> bytes | None:
    """The page's origin if the document lists it."""
    origin = head.known.get(b"origin")
    if cors is None or origin is None:
        return None
    return origin if origin in cors.origins or b"*" in cors.origins else None


def preflight_fields(head: RequestHead, origin: bytes, cors: Cors) -> list[bytes]:
    """The answer to a preflight: the method and fields it asked for."""
    fields = [
        render_field(b"Access-Control-Allow-Origin", origin),
        render_field(b"Access-Control-Allow-Methods", head.known[b"access-control-request-method"]),
        render_field(b"Access-Control-Max-Age", b"%d" % cors.max_age_s),
        render_field(b"Vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
    ]
    if asked := head.known.get(b"access-control-request-headers"):
        fields.append(render_field(b"Access-Control-Allow-Headers", asked))
    return fields


def replace_fields(fields: list[bytes], origin: bytes | None) -> list[bytes]:
    """An answer's fields with the gateway's decision in place of the upstream's; `origin` None allows nothing."""
    kept = [line for line in fields if line and not name_of(line).startswith(b"access-control-")]
    if origin is None:
        return kept
    exposed = {name_of(line) for line in kept} | OWN_FIELDS
    return [
        *kept,
        render_field(b"Access-Control-Allow-Origin", origin),
        render_field(b"Access-Control-Expose-Headers", b", ".join(sorted(exposed))),
        b"Vary: Origin\r\n",
    ]
