"""Absolute URLs, hosts and paths of a target: parsed once, strictly, by this file only.

Every spelling that two programs could read differently is refused (RFC 3986 with the WHATWG rule that a host whose
last label is a number is an address): user information, backslashes, percent in a host, short, octal or hexadecimal
addresses, zone identifiers, dot segments, a second port.
"""

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import idna

from exeat.errors import Code, GatewayError
from exeat.model.origin import DEFAULT_PORTS, Origin, Scheme, Target

_URL = re.compile(rb"(https?)://([^/?#]*+)([^?#]*+)(?:\?([^#]*+))?", re.IGNORECASE)
_AUTHORITY = re.compile(rb"(\[[^\]]*\]|[^:\[\]]+)(?::([0-9]{1,5}))?")
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_VISIBLE = re.compile(rb"[\x21-\x7e]*")
_SLASH = rb"(?:/|%2f|%5c)"
_DOTS = re.compile(_SLASH + rb"(?:\.|%2e){1,2}(?=" + _SLASH + rb"|;|$)", re.IGNORECASE)
HOST_LIMIT = 253


def parse_url(text: bytes) -> Target:
    """Parse an absolute http or https URL; GatewayError `malformed-target` says what is wrong with it."""
    match = _URL.fullmatch(text)
    if match is None:
        raise refuse("The target isn't an absolute http or https URL without a fragment.")
    scheme_text, authority, path, query = match.groups()
    scheme: Scheme = "https" if len(scheme_text) == len("https") else "http"
    origin = parse_authority(authority, scheme)
    path = path or b"/"
    check_path(path)
    if query is not None and not _VISIBLE.fullmatch(query):
        raise refuse("The query holds a byte that isn't visible ASCII; percent-encode it.")
    return Target(origin, path, query)


def parse_authority(authority: bytes, scheme: Scheme) -> Origin:
    """Parse `host[:port]` as it stands in a URL."""
    if b"@" in authority:
        raise refuse("The target holds user information before its host.")
    match = _AUTHORITY.fullmatch(authority)
    if match is None:
        raise refuse("The target's host isn't one host with an optional port.")
    host, port = match.groups()
    number = int(port) if port else DEFAULT_PORTS[scheme]
    if not 0 < number < 65536:  # noqa: PLR2004 - ports
        raise refuse("The target's port isn't between 1 and 65535.")
    return Origin(scheme, parse_host(host), number)


def parse_host(text: bytes) -> str:
    """The canonical form of a host: lower-case A-labels without a trailing dot, or an address in its shortest form."""
    if text.startswith(b"["):
        return _parse_ipv6(text)
    try:
        host = text.decode()
    except UnicodeDecodeError as error:
        raise refuse("The target's host isn't UTF-8.") from error
    if not host.isascii():
        host = _to_ascii(host)
        if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
            raise refuse("The target's host is an address in unusual digits.")
    host = host.lower().removesuffix(".")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _parse_ipv4(host)
    if len(host) > HOST_LIMIT or not all(_LABEL.fullmatch(label) for label in labels):
        raise refuse("The target's host isn't a valid name.")
    if "xn--" in host:
        _check_punycode(host)
    return host


def check_path(path: bytes) -> None:
    """Refuse a path that servers read in different ways: dot segments, backslashes, what isn't visible ASCII."""
    if not path.startswith(b"/") or not _VISIBLE.fullmatch(path):
        raise refuse("The path doesn't begin with '/' or holds a byte that isn't visible ASCII; percent-encode it.")
    if b"\\" in path or b"#" in path or ((b"." in path or b"%2" in path) and _DOTS.search(path)):
        raise refuse("The path holds a backslash, a fragment or a dot segment.")


def refuse(detail: str) -> GatewayError:
    """The error for a target that can't be understood in one way only."""
    return GatewayError(Code.MALFORMED_TARGET, detail)


def _to_ascii(host: str) -> str:
    try:
        return idna.encode(host, uts46=True, transitional=False, std3_rules=True).decode()
    except (idna.IDNAError, UnicodeError) as error:
        raise refuse("The target's host isn't a valid internationalised name.") from error


def _check_punycode(host: str) -> None:
    try:
        idna.decode(host)
    except (idna.IDNAError, UnicodeError) as error:
        raise refuse("The target's host holds an invalid xn-- label.") from error


def _parse_ipv4(host: str) -> str:
    try:
        return str(IPv4Address(host))
    except AddressValueError as error:
        raise refuse("The target's host ends in a number but isn't an address in four decimal parts.") from error


def _parse_ipv6(text: bytes) -> str:
    inner = text[1:-1].decode("latin-1")
    if not text.endswith(b"]") or not re.fullmatch(r"[0-9A-Fa-f:.]+", inner):
        raise refuse("The target's brackets hold something else than an IPv6 address.")
    try:
        return str(IPv6Address(inner))
    except AddressValueError as error:
        raise refuse("The target's brackets hold something else than an IPv6 address.") from error
