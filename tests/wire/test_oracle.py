"""h11 as a second opinion on requests: where the two differ, it is on purpose, and listed here."""

import re
from collections.abc import Callable

import h11
from hypothesis import given, settings

from exeat.errors import GatewayError
from exeat.wire.fields import split_field
from exeat.wire.http1 import RequestHead, parse_request
from tests.wire.grammar import mutated_heads, odd_heads

Differs = Callable[[bytes], object]


def lines_of(head: bytes) -> list[bytes]:
    return head.split(b"\r\n")


def values(head: bytes, name: bytes) -> list[bytes]:
    """The values of a field, however its line is written."""
    found = (line.partition(b":") for line in lines_of(head)[1:])
    return [value.strip() for known, _, value in found if known.strip().lower() == name]


# What is refused here and accepted by h11, each with the rule. h11 may be lenient as a library; an intermediary
# that forwards what it has read in one of two ways is how requests are smuggled.
STRICTER: dict[str, Differs] = {
    "RFC 9112 §2.2: a line ends with CRLF, not with LF": lambda head: b"\n" in head.replace(b"\r\n", b""),
    "RFC 9112 §2.3: only HTTP/1.1 and HTTP/1.0": re.compile(rb"[^\r\n]* HTTP/(?!1\.[01]$)").match,
    "RFC 9112 §3.2: Host is one host with an optional port": lambda head: any(
        not re.fullmatch(rb"([\w.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{0,5})?", value, re.ASCII)
        for value in values(head, b"host")
    ),
    "RFC 9112 §5.2: no line folding": lambda head: re.search(rb"\r\n[ \t]", head),
    "RFC 9110 §5.5: no control characters in values": re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]").search,
    "RFC 9112 §6.1: not both Content-Length and Transfer-Encoding": lambda head: (
        values(head, b"content-length") and values(head, b"transfer-encoding")
    ),
    "RFC 9112 §6.1: no Transfer-Encoding in HTTP/1.0": lambda head: (
        lines_of(head)[0].endswith(b"/1.0") and values(head, b"transfer-encoding")
    ),
    "RFC 9112 §6.3: Content-Length is sent once, as one number": lambda head: (
        len(values(head, b"content-length")) > 1 or b"," in b"".join(values(head, b"content-length"))
    ),
    "RFC 9110 §8.6: a length has at most 15 digits here, lest it overflows elsewhere": lambda head: any(
        len(value) > 15 for value in values(head, b"content-length")
    ),
    "RFC 9110 §7.6.1: Connection may not nominate what frames or routes": lambda head: re.search(
        rb"content-length|host", b",".join(values(head, b"connection")), re.IGNORECASE
    ),
    "rule 2 of wire/fields.py: what authenticates is sent once": lambda head: any(
        len(values(head, name)) > 1 for name in (b"authorization", b"exeat-key", b"expect", b"host")
    ),
}


def judged_here(head: bytes) -> RequestHead | None:
    try:
        return parse_request(head)
    except GatewayError:
        return None


def judged_by_h11(head: bytes) -> h11.Request | None:
    oracle = h11.Connection(h11.SERVER)
    oracle.receive_data(head + b"\r\n\r\n")
    try:
        event = oracle.next_event()
    except h11.RemoteProtocolError:
        return None
    return event if isinstance(event, h11.Request) else None


def compare(head: bytes) -> None:
    ours, theirs = judged_here(head), judged_by_h11(head)
    if ours is None and theirs is not None:
        assert any(differs(head) for differs in STRICTER.values()), "refused here only, for no listed reason"
    if ours is None:
        return
    assert theirs is not None, "accepted here, refused by h11"
    assert (ours.method, ours.target) == (theirs.method, theirs.target)
    assert ours.is_1_1 == (theirs.http_version == b"1.1")
    known = dict(theirs.headers)
    assert ours.known.get(b"host") == known.get(b"host")
    assert ours.length == (int(known[b"content-length"]) if b"content-length" in known else None)
    assert ours.chunked == (b"transfer-encoding" in known)
    kept = [split_field(line) for line in ours.fields if line]
    sent = [(bytes(name), bytes(value)) for name, value in theirs.headers.raw_items()]
    assert [pair for pair in sent if pair in kept] == kept


@settings(max_examples=400)
@given(head=odd_heads)
def test_odd_heads_are_judged_as_h11_judges_them(head: bytes) -> None:
    """An odd head is accepted by both with the same meaning, or refused by both, or differs for a listed reason."""
    compare(head)


@settings(max_examples=200)
@given(head=mutated_heads())
def test_mutated_heads_are_judged_as_h11_judges_them(head: bytes) -> None:
    """The same holds for valid heads in which one byte has changed."""
    compare(head)


def test_the_list_is_true() -> None:
    """Each listed difference exists: h11 accepts the example and Exeat refuses it."""
    examples = {
        "RFC 9112 §2.2": b"GET / HTTP/1.1\nHost: a\r\nX: y",
        "RFC 9112 §2.3": b"GET / HTTP/1.2\r\nHost: a",
        "RFC 9112 §3.2": b"GET / HTTP/1.1\r\nHost: user@a",
        "RFC 9112 §5.2": b"GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z",
        "RFC 9110 §5.5": b"GET / HTTP/1.1\r\nHost: a\r\nX: \x07",
        "RFC 9112 §6.1: not both": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
        "RFC 9112 §6.1: no Transfer-Encoding": b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked",
        "RFC 9112 §6.3": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5",
        "RFC 9110 §8.6": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999",
        "RFC 9110 §7.6.1": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: content-length",
        "rule 2": b"GET / HTTP/1.1\r\nHost: a\r\nAuthorization: x\r\nAuthorization: y",
    }
    assert len(examples) == len(STRICTER)
    for (name, head), (rule, differs) in zip(examples.items(), STRICTER.items(), strict=True):
        assert rule.startswith(name)
        assert differs(head), rule
        assert judged_here(head) is None, rule
        assert judged_by_h11(head) is not None, rule
