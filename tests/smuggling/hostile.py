"""Requests that try to be one message to one reader and two to another: families by their usual names, and mutations.

Most hold the canary: a request of its own to whoever reads the message in another way than it was sent. It shows a
valid key unless an honest reader may see it, so that nothing but the reading of messages keeps it from an upstream.
"""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.cases import Exchanged, exchanged, read_cases

CANARY_MARKS = re.compile(rb"canary|SMUG")  # the second is the canary of http1.yaml
# Stands for the case's own key, and is as long, so that lengths can be told before there is a key.
KEY = b"exeat_" + b"K" * 51
SAMPLE = 200
CHUNKED = b"Transfer-Encoding: chunked"

_Pieces = bytes | tuple[bytes, ...]


@dataclass(frozen=True)
class Hostile:
    """What one caller sends: `parts` in order, each after an answer to the one before, or after a pause."""

    id: str
    parts: tuple[bytes, ...]
    half_close: bool = False

    @property
    def consumer(self) -> str:
        """The consumer that sends it; no other case has the same."""
        return consumer(self.id)

    def filled(self, key: bytes) -> tuple[bytes, ...]:
        """The parts with the caller's key in them."""
        return tuple(part.replace(KEY, key) for part in self.parts)


def consumer(name: str) -> str:
    """A case's name as a consumer may have it."""
    return "case-" + re.sub("[^a-z0-9]", "-", name.lower())


def authority(name: str) -> bytes:
    """The field lines that authorise a request and name the consumer that sends it; the last takes what is folded."""
    return b"Exeat-Key: %b\r\nCase: %b\r\nAccept: */*\r\n" % (KEY, consumer(name).encode())


def canary(name: str, *, has_key: bool = True) -> bytes:
    """The request that nobody may ever see."""
    lines = authority(name) if has_key else b""
    return b"GET /s/canary/%b HTTP/1.1\r\nHost: gw.test\r\n" % name.encode() + lines + b"\r\n"


def all_hostile(seed: int) -> list[Hostile]:
    """The cases of one run; the seed chooses among the mutations."""
    return [*_listed(), *_families(), *random.Random(seed).sample(list(mutations()), SAMPLE)]  # noqa: S311 - no secret


# The shared list


def listed_cases() -> list[Exchanged]:
    """The cases of http1.yaml; none where a checkout stands alone, for this range has enough without them."""
    try:
        listed = read_cases("http1.yaml")["cases"]
    except pytest.skip.Exception:
        return []
    assert isinstance(listed, list)
    return [exchanged(entry) for entry in listed]


def _listed() -> Iterator[Hostile]:
    for case in listed_cases():
        if case.is_request:
            raw = case.raw.replace(b"%AUTH%", authority(case.id)).replace(b"%VIA%", b"exeat")
            then = [str(case.send["then"]).encode()] if "then" in case.send else []
            yield Hostile(case.id, (raw, *then), half_close=case.send.get("half_close") is True)


# The families


def _families() -> Iterator[Hostile]:
    for make in (_lengths, _codings, _hidden_lengths, _ignored_bodies, _chunks, _pauses, _upgrades, _queues):
        for name, pieces in make():
            yield Hostile(name, pieces if isinstance(pieces, tuple) else (pieces,))


def request(name: str, *lines: bytes, body: bytes = b"", start: bytes = b"POST /s/a HTTP/1.1") -> bytes:
    """A request of a case, its body without any framing but that of `lines`."""
    head = [start, b"Host: gw.test", *authority(name).splitlines(), *lines]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def length(size: int) -> bytes:
    """A field line."""
    return b"Content-Length: %d" % size


def ends_early(name: str) -> bytes:
    """A body that is over at once as chunks, and holds the canary by its length."""
    return b"0\r\n\r\n" + canary(name)


def chunk(content: bytes) -> bytes:
    """One chunk."""
    return b"%x\r\n%b\r\n" % (len(content), content)


def cl_te(name: str, *codings: bytes) -> bytes:
    """The front goes by the length, the back by the coding."""
    body = ends_early(name)
    return request(name, length(len(body)), *codings, body=body)


def te_cl(name: str, *codings: bytes, has_key: bool = True) -> bytes:
    """The front goes by the coding, the back by the length, which ends before the canary."""
    content = canary(name, has_key=has_key)
    return request(name, length(len(b"%x\r\n" % len(content))), *codings, body=chunk(content) + b"0\r\n\r\n")


def _lengths() -> Iterator[tuple[str, _Pieces]]:
    body = canary("CL.CL")
    for name, lines in {
        "CL.CL-zero-first": (length(0), length(len(body))),
        "CL.CL-zero-last": (length(len(body)), length(0)),
        "CL.CL-list": (b"Content-Length: 0, %d" % len(body),),
        "CL.CL-plus": (length(0), b"Content-Length: +%d" % len(body)),
        "CL.CL-lone-LF": (b"X: y\nContent-Length: 0", length(len(body))),
        "CL.CL-lone-CR": (b"X: y\rContent-Length: 0", length(len(body))),
        "CL.CL-folded": (b"Content-Length: 0\r\n %d" % len(body),),
    }.items():
        yield name, request(name, *lines, body=body)
    yield "CL.CL-NUL", request("CL.CL-NUL", b"X: y\0\r\nContent-Length: 0", length(len(body)), body=body)


def _codings() -> Iterator[tuple[str, _Pieces]]:
    yield "CL.TE", cl_te("CL.TE", CHUNKED)
    yield "TE.CL", te_cl("TE.CL", CHUNKED)
    for name, lines in {
        "TE.TE-two-lines": (CHUNKED, b"Transfer-Encoding: x"),
        "TE.TE-hidden-second": (CHUNKED, b"Transfer-encoding: identity"),
        "TE.TE-list": (b"Transfer-Encoding: x, chunked",),
        "TE.TE-lone-LF": (b"X: y\nTransfer-Encoding: chunked",),
        "TE.TE-tab": (b"Transfer-Encoding:\tchunked\x0b",),
        "TE.TE-folded": (b"Transfer-Encoding:\r\n chunked",),
    }.items():
        yield name, cl_te(name, *lines)
        yield f"{name}-reversed", te_cl(f"{name}-reversed", *lines)
    body = ends_early("TE-HTTP/1.0")
    start = b"POST /s/a HTTP/1.0"
    yield "TE-HTTP/1.0", request("TE-HTTP/1.0", length(len(body)), CHUNKED, body=body, start=start)


def _hidden_lengths() -> Iterator[tuple[str, _Pieces]]:
    """0.CL: only the back sees the length, so that it takes the next request for a body."""
    for name, line in {
        "0.CL-space": b"Content-Length : %d",
        "0.CL-lone-LF": b"X: y\nContent-Length: %d",
        "0.CL-leading-space": b" Content-Length: %d",
        "0.CL-high-byte": b"Content-Length\x85: %d",
        "0.CL-underscore": b"Content_Length: %d",
        "0.CL-nominated": b"Connection: Content-Length\r\nContent-Length: %d",
        "double-desync": b"Content-Length:\x0b%d",
    }.items():
        hidden = b"GET /s/x HTTP/1.1\r\nX: "
        yield name, request(name, line % len(hidden), start=b"GET /s/a HTTP/1.1") + hidden + canary(name)


def _ignored_bodies() -> Iterator[tuple[str, _Pieces]]:
    """CL.0, TE.0, client-side desync: a correct message to readers that expect no body where there is one."""
    for method in (b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"POST", b"TRACE"):
        name, body = f"CL.0-{method.decode()}", canary("CL.0")
        yield name, request(name, length(len(body)), body=body, start=method + b" /s/a HTTP/1.1")
    body = chunk(canary("TE.0")) + b"0\r\n\r\n"
    for method in (b"GET", b"HEAD", b"OPTIONS"):
        name = f"TE.0-{method.decode()}"
        yield name, request(name, CHUNKED, body=body, start=method + b" /s/a HTTP/1.1")
    body, name = canary("client-side"), "client-side-desync"
    lines = (b"Origin: https://browser.test", b"Content-Type: text/plain", length(len(body)))
    yield name, request(name, *lines, body=body, start=b"POST /s/%2e%2e%2fstatic HTTP/1.1")
    yield "CL.0-static", request("CL.0-static", length(len(body)), body=body, start=b"POST /favicon.ico HTTP/1.1")


def _chunks() -> Iterator[tuple[str, _Pieces]]:
    """Readers that differ in where a chunk's line or data ends."""
    for name, body in {
        # An extension that ends at a lone LF (TERM), or that goes on over it (EXT).
        "TERM.EXT": b"0;\n" + canary("TERM.EXT") + b"\r\n0\r\n\r\n",
        "TERM.EXT-size": b"2;\nxx\r\n0\r\n\r\n" + canary("TERM.EXT"),
        "EXT.TERM": b'1;a="\n"\r\nA\r\n0\r\n\r\n' + canary("EXT.TERM").replace(b"GET", b"\nGET", 1),
        "EXT.TERM-CR": b"1;a\rb\r\nA\r\n0\r\n\r\n",
        # Data that is followed by something else than CRLF.
        "TERM.SPILL": b"5\r\nhello\n0\r\n\r\n" + canary("TERM.SPILL"),
        "TERM.SPILL-two": b"5\r\nhelloXX0\r\n\r\n" + canary("TERM.SPILL"),
        "SPILL.TERM": b"5\r\nhello\r0\r\n\r\n" + canary("SPILL.TERM"),
        "SPILL.TERM-none": b"5\r\nhello0\r\n\r\n" + canary("SPILL.TERM"),
        "size-plus": b"+0\r\n\r\n" + canary("size-plus"),
        "size-0x": b"0x0\r\n\r\n" + canary("size-0x"),
        "size-underscore": b"0_0\r\n\r\n" + canary("size-underscore"),
        "size-wraps": b"10000000000000000\r\n\r\n" + canary("size-wraps"),
        "size-empty": b"\r\n\r\n" + canary("size-empty"),
        "last-chunk-LF": b"0\n\n" + canary("last-chunk-LF"),
        "trailer-request": b"0\r\nX: y\n\n" + canary("trailer-request"),
        "trailer-length": b"0\r\nContent-Length: 9\r\n\r\n",
        "quoted-extension": b'0;a="' + canary("quoted-extension") + b'"\r\n\r\n',
    }.items():
        yield f"chunk-{name}", request(f"chunk-{name}", CHUNKED, body=body)


def _pauses() -> Iterator[tuple[str, _Pieces]]:
    """The rest of a message comes only once somebody may have lost patience with it."""
    body = canary("pause")
    framed = length(len(body))
    yield "pause-length", (request("pause-length", framed), body)
    yield "pause-chunk", (request("pause-chunk", CHUNKED) + b"%x\r\n" % len(body), body, b"\r\n0\r\n\r\n")
    yield "pause-in-CRLF", (request("pause-in-CRLF", framed)[:-1], b"\n" + body)
    head = request("pause-in-name", framed)[:-2]
    yield "pause-in-name", (head + b"Transfer-Enc", b"oding: chunked\r\n\r\n" + ends_early("pause"))
    for name, value in {
        "Expect": b"100-continue",
        "Expect-unknown": b"y 100-continue",
        "Expect-mixed-case": b"100-Continue",
        "Expect-list": b"100-continue, x",
    }.items():
        lines = (b"Expect: " + value, length(len(canary(name))))
        yield f"{name}-waits", (request(f"{name}-waits", *lines), canary(name))
        yield f"{name}-at-once", request(f"{name}-at-once", *lines, body=canary(name))
        start = b"GET /s/a HTTP/1.1"
        yield f"{name}-GET", request(f"{name}-GET", *lines, body=canary(name), start=start)


def _upgrades() -> Iterator[tuple[str, _Pieces]]:
    """What follows is meant to pass unread, through a tunnel that is none: it has no key of its own."""
    keyless = canary("tunnel", has_key=False)
    h2c = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")
    websocket = (b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
    get = b"GET /s/ws HTTP/1.1"
    for name, lines, rest in (
        ("h2c", h2c, preface),
        ("h2c-then-request", h2c, keyless),
        ("websocket", (*websocket, b"Sec-WebSocket-Version: 13"), b"\x81\x05hello"),
        ("websocket-then-request", (*websocket, b"Sec-WebSocket-Version: 13"), keyless),
        ("websocket-wrong-version", (*websocket, b"Sec-WebSocket-Version: 777"), keyless),
    ):
        yield name, (request(name, *lines, start=get), rest)
        yield f"{name}-at-once", request(f"{name}-at-once", *lines, start=get) + rest
        framed = (*lines, length(len(rest)))
        yield f"{name}-with-length", request(f"{name}-with-length", *framed, body=rest, start=get)
    yield "h2-preface", preface


def _queues() -> Iterator[tuple[str, _Pieces]]:
    """Response-queue poisoning: one request too many upstream, so that every answer goes to the next caller."""
    name = "queue-HEAD"
    yield name, request(name, length(len(canary(name))), body=canary(name), start=b"HEAD /s/a HTTP/1.1")
    name, body = "queue-two", ends_early("queue-two") + canary("queue-two")
    yield name, request(name, CHUNKED, b"Transfer-Encoding: cow", length(len(body)), body=body)
    name = "queue-close"
    yield name, request(name, b"Connection: close", start=b"GET /s/a HTTP/1.1") + canary(name)
    name = "queue-HTTP/1.0"
    yield name, request(name, start=b"GET /s/a HTTP/1.0") + canary(name)
    name = "queue-split-target"
    yield name, request(name, start=b"GET /s/a%0d%0aX:%20y HTTP/1.1")
    yield f"{name}-raw", request(f"{name}-raw", start=b"GET /s/a HTTP/1.1\nHost: x\n\nGET /s/canary HTTP/1.1")


# The mutations


def mutations() -> Iterator[Hostile]:
    """Every mutation of the field line, once with the canary behind the last chunk, and once behind the length.

    Some mutations leave a harmless field. Then the canary behind the length is an honest second request, so it has no
    key and must be refused.
    """
    for number, line in enumerate(_mutated_lines()):
        yield Hostile(f"CL.TE-{number}", (cl_te(f"CL.TE-{number}", line),))
        yield Hostile(f"TE.CL-{number}", (te_cl(f"TE.CL-{number}", line, has_key=False),))


def _mutated_lines() -> Iterator[bytes]:
    """`Transfer-Encoding: chunked`, spelt so that only some readers take it for that."""
    name, value = b"Transfer-Encoding", b"chunked"
    plain = name + b": " + value
    for byte in (bytes([code]) for code in (*range(0x21), *range(0x7F, 0x100))):
        yield byte + plain
        yield name + byte + b": " + value
        yield name + b":" + byte + value
        yield plain + byte
        yield b"X: X" + byte + plain
        yield b"X: X\r" + byte + plain
        yield b"X: X" + byte + b"\n" + plain
        yield name + b":\r" + byte + value
        yield name + b":" + byte + b"\n" + value
        yield plain + b"\r" + byte
    yield from (b"Transfer_Encoding: chunked", b"Transfer Encoding: chunked", b"tRANSFER-eNCODING: cHUNKED")
    for other in (b'"chunked"', b"'chunked'", b"chunk", b"chunked chunked", b"chunked, chunked", b"cow, chunked"):
        yield name + b": " + other
    for other in (b"chunked, cow", b"chunked;q=1", b"identity, chunked", b",chunked", b"chunked,", b"\xffchunked"):
        yield name + b": " + other
    yield from (plain + b"\r\nTransfer-Encoding: cow", b"Transfer-Encoding: cow\r\n" + plain, plain + b"\r\n" + plain)
    yield from (b"Content-Encoding: chunked", b"X-Transfer-Encoding: chunked", b"Transfer-Encoding chunked")
    yield from (spelt + b": " + value for spelt in _high_letters(name))
    yield from (name + b": " + spelt for spelt in _high_letters(value))


def _high_letters(word: bytes) -> Iterator[bytes]:
    """A word with the high bit of one letter set."""
    for place, code in enumerate(word):
        yield word[:place] + bytes([code | 0x80]) + word[place + 1 :]
