"""The cases of addresses.yaml, and the request that asks for a target in each of the ways there are."""

import json
import re
from collections.abc import Mapping

from tests.support.cases import Addressed, addressed, read_cases
from tests.support.gateway import make_key

DOCUMENT = read_cases("addresses.yaml")
KEY = make_key()
LINE = b"Exeat-Key: %b\r\n\r\n" % KEY.key.encode()
ENTRANCES = ("path", "url", "header", "envelope")
BY_URL = frozenset(
    {
        *("control", "ipv4-literal", "ipv4-edge", "ipv4-forms", "idna", "ipv6-literal", "ipv6-edge", "dns", "url"),
        "scheme",
    }
)
IN_SEQUENCE = frozenset({"N124", "N125"})


def _cases() -> dict[str, Addressed]:
    listed = DOCUMENT["cases"]
    assert isinstance(listed, list)
    return {case.id: case for case in map(addressed, listed)}


CASES = _cases()
PLAIN = [case for case in CASES.values() if case.group in BY_URL and case.id not in IN_SEQUENCE]


def request_for(case: Addressed, entrance: str) -> bytes:
    """The request that asks for a target in one of the ways."""
    target = case.target.encode()
    match entrance:
        case "path":
            return b"GET /t/ HTTP/1.1\r\nHost: gw.test\r\n" + LINE
        case "url":
            return b"GET /" + target + b" HTTP/1.1\r\nHost: gw.test\r\n" + LINE
        case "header":
            parts = re.fullmatch(rb"([^:]*://[^/]*)(/.*)?", target, re.DOTALL)
            origin, path = (parts[1], parts[2] or b"/") if parts else (target, b"/")
            return b"GET " + path + b" HTTP/1.1\r\nHost: gw.test\r\nExeat-Target: " + origin + b"\r\n" + LINE
        case _:
            return envelope({"url": case.target})


def envelope(call: Mapping[str, object]) -> bytes:
    """The request that carries one call as JSON."""
    body = json.dumps(call).encode()
    return b"POST /-/call HTTP/1.1\r\nHost: gw.test\r\nContent-Length: %d\r\n" % len(body) + LINE + body
