"""The ways in which a caller can name a URL, and the refusals that a URL in a wrong form has in each of them."""

import json
from typing import Literal, get_args

Entrance = Literal["url", "collapsed", "header", "envelope", "batch", "absolute"]
ENTRANCES: tuple[Entrance, ...] = get_args(Entrance)
PATH = "/p"

REQUEST, TARGET, ENVELOPE, UNKNOWN = "malformed-request", "malformed-target", "envelope-invalid", "upstream-unknown"


def render(url: str, entrance: Entrance, key_line: bytes) -> bytes:
    """The request for PATH at an origin; `key_line` is a field and the empty line after the head."""
    raw = url.encode()
    match entrance:
        case "url":
            return b"GET /%b%b HTTP/1.1\r\nHost: gw.test\r\n" % (raw, PATH.encode()) + key_line
        case "collapsed":
            return render(url.replace("://", ":/", 1), "url", key_line)
        case "absolute":
            return b"GET %b%b HTTP/1.1\r\nHost: api.example.com\r\n" % (raw, PATH.encode()) + key_line
        case "header":
            return b"GET %b HTTP/1.1\r\nHost: gw.test\r\nExeat-Target: %b/\r\n" % (PATH.encode(), raw) + key_line
        case _:
            call = {"url": url + PATH}
            return envelope([call] if entrance == "batch" else call, key_line)


def envelope(call: object, key_line: bytes) -> bytes:
    """The request that carries a call as JSON."""
    body = json.dumps(call).encode()
    return b"POST /-/call HTTP/1.1\r\nHost: gw.test\r\nContent-Length: %d\r\n" % len(body) + key_line + body


def can_carry(url: str, entrance: Entrance) -> bool:
    """Whether an entrance takes this form at all: a request target is ASCII, and Exeat is no forward proxy."""
    if entrance in {"header", "envelope", "batch"}:
        return True
    return entrance in {"url", "collapsed"} and url.isascii() and url.startswith(("http://", "https://"))


def refusals(url: str, entrance: Entrance) -> set[str]:
    """The codes that may refuse a URL that an entrance can't carry, or that means nothing."""
    if entrance in {"envelope", "batch"}:
        return {TARGET}
    if entrance == "header":
        return {REQUEST} if any((byte < 0x20 and byte != 0x09) or byte == 0x7F for byte in url.encode()) else {TARGET}
    if any(not 0x21 <= byte <= 0x7E for byte in url.encode()):
        return {REQUEST}
    if entrance == "absolute":
        if url.startswith("/"):
            return {UNKNOWN, TARGET}
        return {TARGET} if url.lower().startswith(("http://", "https://")) else {REQUEST}
    if url.startswith(("http:/", "https:/")):
        return {TARGET}
    return {UNKNOWN, TARGET}  # a path, whose first segment names no upstream
