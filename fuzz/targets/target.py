"""Targets: one spelling of a place, which reads as itself, as other parsers read it, and as the same in every mode."""

import re
import socket
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Address, ip_address
from urllib.parse import unquote, urlsplit

from exeat.errors import Code
from exeat.model.origin import Target
from exeat.policy.resolve import resolve
from exeat.wire.http1 import RequestHead
from exeat.wire.target import parse_host, parse_url
from fuzz.places import PLACES
from fuzz.refusals import value_of

VISIBLE = re.compile(rb"[\x21-\x7e]*")
SEGMENT_ENDS = re.compile(r"/|%2f|%5c|\\", re.IGNORECASE)


def check(data: bytes) -> None:
    """Judge `data` as a URL, and as a host."""
    host = _host(data)
    if host is not None:
        _check_host(host)
    target = _url(data)
    if target is None:
        return
    _check_host(target.origin.host)
    _check_spelling(data, target.origin.host)
    _check_path(target.path)
    assert _url(_text(target)) == target, "a target's own text reads in another way"
    _check_second_opinion(data, target)
    if VISIBLE.fullmatch(data) and data.startswith((b"http://", b"https://")):
        _check_modes(data, target)


def _url(data: bytes) -> Target | None:
    return value_of(partial(parse_url, data), {Code.MALFORMED_TARGET})


def _host(data: bytes) -> str | None:
    return value_of(partial(parse_host, data), {Code.MALFORMED_TARGET})


def _text(target: Target) -> bytes:
    return str(target.origin).encode() + target.path + (b"" if target.query is None else b"?" + target.query)


def _check_host(host: str) -> None:
    """A host is canonical: it reads as itself, and where anything takes it for an address, it is that address."""
    assert _host(f"[{host}]".encode() if ":" in host else host.encode()) == host
    assert host.isascii()
    assert host == host.lower()
    assert not set(host) & set("/?#@\\ %[]\t\r\n\0")
    assert not host.endswith(".")
    with suppress(ValueError):
        assert str(ip_address(host)) == host, "an address in an unusual spelling"
    with suppress(OSError):  # what the C library takes for an address: 127.1, 0x7f000001, 0177.0.0.1, 2130706433
        assert socket.inet_ntoa(socket.inet_aton(host)) == host, "an address in an unusual spelling"


def _check_spelling(data: bytes, host: str) -> None:
    """An IPv4 address is written as it is understood; an IPv6 address and a name may become canonical."""
    with suppress(ValueError):
        assert str(IPv4Address(host)).encode() in data, "an address was made of another spelling"


def _check_path(path: bytes) -> None:
    """No segment of a path leads up, however it is decoded."""
    assert path.startswith(b"/")
    assert VISIBLE.fullmatch(path)
    for segment in SEGMENT_ENDS.split(path.decode()):
        assert unquote(segment.partition(";")[0]) not in {".", ".."}, "a dot segment"


def _check_second_opinion(data: bytes, target: Target) -> None:
    """The standard library finds the same place, but for the ways listed here in which a host becomes canonical."""
    parts = urlsplit(data.decode())  # ValueError where it refuses what is accepted here
    origin = target.origin
    assert parts.scheme == origin.scheme
    assert (parts.username, parts.password, parts.fragment) == (None, None, "")
    assert (parts.port or {"http": 80, "https": 443}[parts.scheme]) == origin.port
    assert (parts.path.encode() or b"/", parts.query.encode()) == (target.path, target.query or b"")
    host = parts.hostname or ""
    if ":" in host:
        assert str(ip_address(host)) == origin.host  # an IPv6 address becomes its shortest form
    elif host.isascii():
        assert host.removesuffix(".") == origin.host  # a name loses its trailing dot
    else:
        assert origin.host.isascii()  # an internationalised name becomes A-labels


def _check_modes(data: bytes, target: Target) -> None:
    """Behind the gateway's address, with its slashes collapsed and in a field, a URL names the same place."""
    _check_mode(b"/" + data, {}, target)
    _check_mode(b"/" + data.replace(b"//", b"/", 1), {}, target)
    _check_mode(target.path, {b"exeat-target": str(target.origin).encode()}, Target(target.origin, target.path, None))


def _check_mode(sent: bytes, known: dict[bytes, bytes], target: Target) -> None:
    known = {b"host": b"elsewhere.test", **known}
    head = RequestHead(b"GET", sent, is_1_1=True, fields=[], known=known, length=None, chunked=False)
    resolved = resolve(head, PLACES)
    assert resolved.target == target, "another mode finds another place"
    assert (resolved.path, resolved.query) == (target.path, target.query)
    there = [upstream.name for upstream in PLACES.origins.get(target.origin, ())]
    assert [upstream.name for upstream in resolved.upstreams] == there
    assert resolved.destination is None or target.origin.host.endswith(resolved.destination.host)
