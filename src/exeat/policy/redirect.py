"""Redirects that an upstream asks to have followed: which ones, where to, and what doesn't go along.

Rule 1: a redirect of GET or HEAD without a body is followed; any other would repeat what may not be repeated.
Rule 2: a hop is a call of its own: its URL is parsed as strictly as a caller's, and judged by the same rules.
Rule 3: what the caller showed one origin isn't shown to another (RFC 9110 §15.4).
"""

import re
from urllib.parse import urljoin

from exeat.errors import Code, GatewayError
from exeat.model.origin import Target
from exeat.wire.fields import name_of
from exeat.wire.http1 import RequestHead, ResponseHead
from exeat.wire.target import parse_url

STATUSES = frozenset({301, 302, 303, 307, 308})
METHODS = frozenset({b"GET", b"HEAD"})
PRIVATE = frozenset({b"authorization", b"cookie", b"x-api-key", b"referer", b"origin"})  # the caller's, for one origin
_REFERENCE = re.compile(rb"[\x21-\x7e]+")
_SCHEME_ALONE = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*:(?!//)")


def is_followed(head: RequestHead, response: ResponseHead) -> bool:
    """Whether an answer is a redirect that may be followed."""
    if response.status not in STATUSES or head.method not in METHODS or head.has_body:
        return False
    return b"location" in response.known


def next_target(base: Target, location: bytes) -> Target:
    """Where a Location leads from the URL that was called (RFC 3986 §5); GatewayError if that isn't clear."""
    location = location.partition(b"#")[0]
    if not _REFERENCE.fullmatch(location) or _SCHEME_ALONE.match(location) or b"\\" in location:
        raise _unclear("It isn't a URL.")
    query = b"" if base.query is None else b"?" + base.query
    called = str(base.origin).encode() + base.path + query
    try:
        return parse_url(urljoin(called.decode(), location.decode()).encode())
    except (GatewayError, ValueError) as error:  # ValueError: urljoin on brackets that aren't closed
        raise _unclear(error.detail if isinstance(error, GatewayError) else "It isn't a URL.") from error


def _unclear(reason: str) -> GatewayError:
    return GatewayError(Code.UPSTREAM_MALFORMED, f"The upstream redirected to a place that isn't clear. {reason}")


def head_for(head: RequestHead, *, same_origin: bool) -> RequestHead:
    """The request's head for the next hop."""
    if same_origin:
        return head
    fields = [line for line in head.fields if name_of(line) not in PRIVATE]
    known = {name: value for name, value in head.known.items() if name not in PRIVATE}
    return RequestHead(head.method, head.target, head.is_1_1, fields, known, head.length, head.chunked)
