"""Signed links: URLs at the gateway that may be called without a key, in the name of the key that got them.

Rule 1: a link is for one method and one URL: by which mode it leads where, its path, and the rest of its query.
Rule 2: it names a key and is none: whatever holds for that key holds for a call by its link, and it ends in time.
Rule 3: nothing of it leaves: its parameter is taken out before anything else reads the query.

A link is the parameter `exeat-link=<id of the key>.<seconds since 1970>.<MAC>`, the last of the URL's query.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from exeat.errors import Code, GatewayError
from exeat.model.secret import Secret

PARAMETER: Final = b"exeat-link"
_BEGINNING: Final = PARAMETER + b"="
_VALUE: Final = re.compile(rb"([0-9A-Za-z]{1,64})\.([0-9]{1,12})\.([0-9A-Za-z_-]{43})")
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_OF_URLS: Final = "%!$&'()*+,;=:@/?[]"
_HINT: Final = "Make the call again whose answer holds the link, and use the link as it stands there."


class Place(NamedTuple):
    """What a link may be used for: a method, and where the URL leads; `query` is None or empty without one."""

    method: bytes
    mode: bytes
    where: bytes
    path: bytes
    query: bytes | None


class Holder(NamedTuple):
    """Whose link it is, and until when it holds (s since 1970)."""

    key_id: str
    expires_at: int


class ShownLink(NamedTuple):
    """A link as a request shows it: all of it, whose it says it is, and the MAC that proves it."""

    value: bytes
    holder: Holder
    mac: bytes

    def __repr__(self) -> str:
        """Without the MAC, by which the link can be used."""
        return f"ShownLink({self.holder!r})"


def may_have_link(query: bytes | None) -> bool:
    """Whether a query is worth looking for a link."""
    return query is not None and query.find(_BEGINNING) >= 0


def take_out(query: bytes | None) -> tuple[bytes | None, list[bytes]]:
    """A query without its links, and these as they were written."""
    if query is None:
        return None, []
    rest: list[bytes] = []
    found: list[bytes] = []
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        if unquote_to_bytes(name) == PARAMETER:
            found.append(value)
        else:
            rest.append(part)
    return (b"&".join(rest) or None, found) if found else (query, found)


def read_link(values: list[bytes]) -> ShownLink:
    """The link that a request shows; GatewayError `key-malformed` unless it is one."""
    match = _VALUE.fullmatch(values[0]) if len(values) == 1 else None
    if match is None:
        detail = "The request shows several links." if len(values) > 1 else "The link isn't whole."
        raise GatewayError(Code.KEY_MALFORMED, detail, hint=_HINT)
    key_id, expires_at, mac = match.groups()
    return ShownLink(values[0], Holder(key_id.decode(), int(expires_at)), mac)


def make_link(place: Place, holder: Holder, consumer: str, secret: Secret) -> bytes:
    """The value of the parameter that makes a URL a link."""
    return b"%b.%d.%b" % (holder.key_id.encode(), holder.expires_at, _mac(place, holder, consumer, secret))


def check_link(link: ShownLink, place: Place, consumer: str, secrets: Iterable[Secret], now: float) -> None:
    """Refuse a link that none of the secrets made for this key and place, or that has expired."""
    is_good = False
    for secret in secrets:
        is_good |= hmac.compare_digest(_mac(place, link.holder, consumer, secret), link.mac)
    if not is_good:
        detail = "The link isn't one that this gateway made for this method and URL."
        raise GatewayError(Code.KEY_MALFORMED, detail, hint=_HINT)
    if now >= link.holder.expires_at:
        raise GatewayError(Code.KEY_EXPIRED, "The link has expired.", hint=_HINT)


def with_link(url: bytes, value: bytes) -> bytes:
    """A URL without a fragment, made a link."""
    _, mark, query = url.partition(b"?")
    return url + (b"&" if query else b"" if mark else b"?") + _BEGINNING + value


def _mac(place: Place, holder: Holder, consumer: str, secret: Secret) -> bytes:
    """A line for each part: none of them can hold a line break."""
    parts = (
        holder.key_id.encode(),
        b"%d" % holder.expires_at,
        consumer.encode(),
        place.method,
        place.mode,
        place.where,
        _canonical(place.path),
        _canonical(place.query or b""),
    )
    digest = hmac.digest(secret.octets, b"\n".join(parts), "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=")


def _canonical(text: bytes) -> bytes:
    """A path or query in one spelling, for clients that write what they were given in another (RFC 3986 §6.2.2)."""
    return quote_from_bytes(_ESCAPE.sub(_one_spelling, text), safe=_OF_URLS).encode()


def _one_spelling(escape: re.Match[bytes]) -> bytes:
    octet = bytes.fromhex(escape[1].decode())
    return octet if octet[0] in _UNRESERVED else escape[0].upper()
