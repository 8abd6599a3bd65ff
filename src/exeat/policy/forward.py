"""What leaves: the head of an outgoing request, written from the caller's parsed one, the credential attached last.

Rule 1: the caller's method, path, query and end-to-end fields leave unchanged and in order.
Rule 2: no place that held an Exeat key leaves, and the key itself is nowhere in what leaves.
Rule 3: exactly one credential leaves. That it goes only where it is bound to is a law of the Upstream value.
"""

from urllib.parse import unquote_to_bytes

from exeat.errors import Code, GatewayError
from exeat.model.credential import NEVER_FORWARDED, Injection
from exeat.model.key import Presented
from exeat.wire.cookies import with_cookie
from exeat.wire.fields import name_of, options
from exeat.wire.http1 import RequestHead
from exeat.wire.outgoing import Outgoing, render


def render_request(
    head: RequestHead,
    *,
    host: bytes,
    path: bytes,
    query: bytes | None,
    presented: Presented,
    injection: Injection | None,
    via: bytes | None,
    base: bytes = b"",
) -> bytes:
    """The bytes of the head that goes upstream; `injection` is None for a bare destination.

    The upstream's URL begins with the path `base`. A credential that isn't ready can't be rendered: see `compose`.
    """
    if presented.parameter is not None:
        query = remove_parameter(query, presented.parameter)
    drop, credential, fields = presented.fields, b"\r\n", head.fields
    if injection is not None:
        check_available(injection)
        if injection.lines is not None:
            credential = injection.lines.octets + b"\r\n"
        if injection.slots:
            drop = drop | injection.slots
        if injection.pairs:
            query = _with_pairs(query, injection)
        if injection.segment is not None:
            base += injection.segment.octets
    if not drop <= NEVER_FORWARDED:
        fields = [line for line in fields if name_of(line) not in drop]
    if injection is not None and injection.cookies:
        fields = _with_cookies(fields, injection)
    passes_caller = injection is None or injection.passes_caller
    path = base + path
    target = path if query is None else b"%b?%b" % (path, query)
    own = _own_lines(head, presented, framing_of(head), passes_caller=passes_caller, via=via)
    lines = b"%b %b HTTP/1.1\r\nHost: %b\r\n%b%b" % (head.method, target, host, b"".join(fields), own)
    if lines.find(presented.key) >= 0:  # `in` costs three times as much: it tries a number first
        raise _key_would_leave()
    return lines + credential


def compose(
    head: RequestHead,
    *,
    host: bytes,
    path: bytes,
    query: bytes | None,
    presented: Presented,
    injection: Injection,
    via: bytes | None,
    body: bytes | None,
    base: bytes = b"",
) -> Outgoing:
    """What `render_request` writes, in parts, for what is made of the request itself; `body` where it is here whole."""
    check_available(injection)
    if presented.parameter is not None:
        query = remove_parameter(query, presented.parameter)
    if injection.pairs:
        query = _with_pairs(query, injection)
    drop = presented.fields | injection.slots
    fields = [line for line in head.fields if name_of(line) not in drop]
    if injection.cookies:
        fields = _with_cookies(fields, injection)
    if injection.segment is not None:
        base += injection.segment.octets
    own = _own_lines(head, presented, b"", passes_caller=injection.passes_caller, via=via, is_whole=body is not None)
    lines = [*fields, *own.splitlines(keepends=True)]
    outgoing = Outgoing(head.method, host, base + path, query, lines, body, framing_of(head))
    if render(outgoing).find(presented.key) >= 0:
        raise _key_would_leave()
    return outgoing if injection.lines is None else outgoing._replace(lines=[*lines, injection.lines.octets])


def check_available(injection: Injection) -> None:
    """Refuse to send anything without the credential that the document wants to be shown."""
    if injection.unavailable is not None:
        raise GatewayError(Code.CREDENTIAL_UNAVAILABLE, "The upstream's secret has disappeared.", untouched=True)


def framing_of(head: RequestHead) -> bytes:
    """The line that frames the body as the caller framed it."""
    if head.chunked:
        return b"Transfer-Encoding: chunked\r\n"
    return b"" if head.length is None else b"Content-Length: %d\r\n" % head.length


def _with_pairs(query: bytes | None, injection: Injection) -> bytes | None:
    for parameter, pair in injection.pairs:
        query = replace_parameter(query, parameter, pair.octets)
    return query


def _with_cookies(fields: list[bytes], injection: Injection) -> list[bytes]:
    for cookie in injection.cookies:
        fields = with_cookie(fields, cookie.octets)
    return fields


def _own_lines(
    head: RequestHead,
    presented: Presented,
    framing: bytes,
    *,
    passes_caller: bool,
    via: bytes | None,
    is_whole: bool = False,
) -> bytes:
    """The lines that are written anew: framing, expectation, the caller's own Authorization, Via.

    Where the body is here whole, nobody waits for 100.
    """
    lines = b""
    known = head.known
    if passes_caller and b"authorization" in known and b"authorization" not in presented.fields:
        lines = b"Authorization: %b\r\n" % known[b"authorization"]
    lines += framing
    if not is_whole and b"expect" in known and expects_continue(head):
        lines += b"Expect: 100-continue\r\n"
    if b"te" in known and b"trailers" in options(known[b"te"]):
        lines += b"TE: trailers\r\nConnection: TE\r\n"
    if via is not None:
        received = known[b"via"] + b", " if b"via" in known else b""
        lines += b"Via: %b1.1 %b\r\n" % (received, via)
    return lines


def expects_continue(head: RequestHead) -> bool:
    """Whether the caller waits for 100 before it sends its body (RFC 9110 §10.1.1; HTTP/1.0 has no 100)."""
    return head.is_1_1 and head.has_body and head.known.get(b"expect", b"").lower() == b"100-continue"


def check_loop(head: RequestHead, via: bytes) -> None:
    """Refuse a request that has been through this gateway already."""
    received = head.known.get(b"via")
    if received is not None and any(via.lower() in member.split() for member in options(received)):
        raise GatewayError(Code.LOOP_DETECTED, "The request's Via names this gateway.")


def check_host(host: str, presented: Presented) -> None:
    """Refuse a host that holds the key: in lower case, as hosts are, it tells nearly all, to name servers as well."""
    if presented.key.lower() in host.encode():
        raise _key_would_leave()


def trailers_to_forward(trailers: list[bytes], presented: Presented | None) -> list[bytes]:
    """The trailers that don't hold the key; the body before them has left, so that a refusal would come too late."""
    return [] if presented is None else [line for line in trailers if line.find(presented.key) < 0]


def _key_would_leave() -> GatewayError:
    return GatewayError(
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
