"""What leaves: the head of an outgoing request, written from the caller's parsed one, the credential attached last.

Rule 1: the caller's method, path, query and end-to-end fields leave unchanged and in order.
Rule 2: no place that held an Exeat key leaves, and the key itself is nowhere in what leaves.
Rule 3: exactly one credential leaves, and only to an origin that it is bound to.
"""

from collections.abc import Set as AbstractSet
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from exeat.errors import Code, GatewayError
from exeat.model.credential import Injection
from exeat.model.origin import Origin
from exeat.wire.fields import options
from exeat.wire.http1 import RequestHead


class Place(NamedTuple):
    """Where one attempt goes: the origin, its Host value, and the path and query that the upstream shall see."""

    origin: Origin
    host: bytes
    path: bytes
    query: bytes | None


class Spent(NamedTuple):
    """The key that the request showed, and the fields (lower-case) and query parameter that held it."""

    key: bytes
    fields: AbstractSet[bytes]
    parameter: bytes | None


def render_request(
    head: RequestHead, place: Place, spent: Spent, injection: Injection | None, via: bytes | None
) -> bytes:
    """The bytes of the head that goes upstream; `injection` is None for a bare destination."""
    query = place.query
    if spent.parameter is not None:
        query = remove_parameter(query, spent.parameter)
    drop = spent.fields
    credential = b""
    passes_caller = injection is None
    if injection is not None:
        _check(injection, place.origin)
        passes_caller = injection.passes_caller
        if injection.line is not None:
            credential = injection.line.reveal_octets() + b"\r\n"
            if injection.slot is not None and injection.slot not in _NEVER_IN_FIELDS:
                drop = drop | {injection.slot}
        elif injection.pair is not None and injection.parameter is not None:
            query = replace_parameter(query, injection.parameter, injection.pair.reveal_octets())
    lines = [head.method, b" ", place.path]
    if query is not None:
        lines += (b"?", query)
    lines += (b" HTTP/1.1\r\nHost: ", place.host, b"\r\n")
    fields = head.fields
    if drop and not drop <= _NEVER_IN_FIELDS:
        fields = [field for field in fields if field[0].lower() not in drop]
    for name, value in fields:
        lines += (name, b": ", value, b"\r\n")
    lines.append(_own_lines(head, passes_caller=passes_caller and b"authorization" not in spent.fields, via=via))
    _check_key(b"".join(lines), spent.key)
    lines += (credential, b"\r\n")
    return b"".join(lines)


_NEVER_IN_FIELDS = frozenset({b"exeat-key", b"authorization", b"proxy-authorization"})


def _own_lines(head: RequestHead, *, passes_caller: bool, via: bytes | None) -> bytes:
    """The lines that are written anew: framing, expectation, the caller's own Authorization, Via."""
    lines = b""
    known = head.known
    if passes_caller and b"authorization" in known:
        lines += b"Authorization: " + known[b"authorization"] + b"\r\n"
    if head.chunked:
        lines += b"Transfer-Encoding: chunked\r\n"
    elif head.length is not None:
        lines += b"Content-Length: %d\r\n" % head.length
    if expects_continue(head):
        lines += b"Expect: 100-continue\r\n"
    if b"te" in known and b"trailers" in options(known[b"te"]):
        lines += b"TE: trailers\r\nConnection: TE\r\n"
    if via is not None:
        lines += b"Via: " + b", ".join([*([known[b"via"]] if b"via" in known else []), b"1.1 " + via]) + b"\r\n"
    return lines


def expects_continue(head: RequestHead) -> bool:
    """Whether the caller waits for 100 before it sends its body (RFC 9110 §10.1.1; HTTP/1.0 has no 100)."""
    return head.minor == 1 and head.has_body and head.known.get(b"expect", b"").lower() == b"100-continue"


def check_loop(head: RequestHead, via: bytes) -> None:
    """Refuse a request that has been through this gateway already."""
    received = head.known.get(b"via")
    if received is not None and any(via.lower() in member.split() for member in options(received)):
        raise GatewayError(Code.LOOP_DETECTED, "The request's Via names this gateway.")


def _check(injection: Injection, origin: Origin) -> None:
    if injection.unavailable is not None:
        raise GatewayError(Code.CREDENTIAL_UNAVAILABLE, injection.unavailable, untouched=True)
    if origin not in injection.origins:
        raise GatewayError(Code.INTERNAL, "A credential isn't bound to the origin it was about to be sent to.")


def _check_key(head: bytes, key: bytes) -> None:
    if key in head:
        raise GatewayError(
            Code.MALFORMED_REQUEST,
            "The Exeat key also stands where it would be sent to the upstream.",
            hint="Send the key in one of the places for it only: Exeat-Key or Authorization.",
        )


def replace_parameter(query: bytes | None, parameter: bytes, pair: bytes) -> bytes:
    """Set a query parameter: all of that name are removed, whatever their spelling, then `pair` is appended."""
    return b"&".join([*_without(query, parameter), pair])


def remove_parameter(query: bytes | None, parameter: bytes) -> bytes | None:
    """Remove all query parameters of a name; None if nothing is left."""
    return b"&".join(_without(query, parameter)) or None


def _without(query: bytes | None, parameter: bytes) -> list[bytes]:
    if not query:
        return []
    parts = query.split(b"&")
    return [p for p in parts if unquote_to_bytes(p.partition(b"=")[0].replace(b"+", b" ")) != parameter]
