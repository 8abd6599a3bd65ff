"""Bodies that are signed chunk by chunk (`aws-chunked`): each chunk is verified, and signed anew for AWS.

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html and sigv4-streaming-trailers.html

Rule 1: nothing of a chunk is passed on before its signature is right; the signatures are a chain from that of the head.
Rule 2: what comes out is as long as what came in, so that Content-Length stays.
Rule 3: memory is bounded: a chunk has a largest size.
"""

import hashlib
import hmac
import re
from typing import Final, NamedTuple, final

from exeat.errors import Code, GatewayError
from exeat.policy.sign.canonical import EMPTY, Scope

CHUNK_LIMIT_BYTES: Final = 10 * 1024 * 1024
_LINE_LIMIT_BYTES: Final = 4096
_HEAD: Final = re.compile(rb"([0-9a-fA-F]{1,8});chunk-signature=([0-9a-f]{64})")
_SIGNATURE: Final = b"x-amz-trailer-signature:"
_PAYLOAD: Final = b"AWS4-HMAC-SHA256-PAYLOAD"
_TRAILER: Final = b"AWS4-HMAC-SHA256-TRAILER"
_HINT: Final = "Have the client send the body unsigned, or signed as a whole."


class Seed(NamedTuple):
    """What a chain of signatures begins with: the signing key, and time, scope and signature of the head."""

    key: bytes
    time: bytes
    scope: Scope
    signature: bytes

    def __repr__(self) -> str:
        """Without the key."""
        return f"Seed({bytes(self.scope).decode()})"


@final
class Chain:
    """The signatures of one body."""

    __slots__ = ("_before", "_seed")

    def __init__(self, seed: Seed) -> None:
        self._seed = seed
        self._before = seed.signature

    def sign(self, content: bytes) -> bytes:
        """The signature of the next chunk."""
        return self._next(_PAYLOAD, EMPTY + b"\n" + _hash(content))

    def sign_trailer(self, text: bytes) -> bytes:
        """The signature of the lines behind the last chunk, each `name:value` with a line feed."""
        return self._next(_TRAILER, _hash(text))

    def _next(self, what: bytes, rest: bytes) -> bytes:
        key, time, scope, _ = self._seed
        text = b"\n".join((what, time, bytes(scope), self._before, rest))
        self._before = hmac.digest(key, text, "sha256").hex().encode()
        return self._before


@final
class Resigner:
    """One body on its way from chunks that the caller signed to those that AWS expects."""

    def __init__(self, read: Seed, write: Seed) -> None:
        self._read = Chain(read)
        self._write = Chain(write)
        self._buffer = bytearray()
        self._expects = self._read_head
        self._head = b""
        self._size = 0
        self._signature = b""
        self._lines: list[bytes] = []
        self._is_whole = False

    def feed(self, data: bytes) -> bytes:
        """What may be passed on after these bytes; GatewayError `malformed-request` or `body-too-large`."""
        self._buffer += data
        made: list[bytes] = []
        while (out := self._expects()) is not None:
            made.append(out)
        return b"".join(made)

    def end(self) -> None:
        """The body has ended; GatewayError unless its last chunk was there."""
        if not self._is_whole or self._buffer:
            raise _refusal("The body ends before its last chunk.")

    def _read_head(self) -> bytes | None:
        line = self._take_line()
        if line is None:
            return None
        match = _HEAD.fullmatch(line)
        if match is None:
            raise _refusal("A chunk of the body doesn't begin with '<size>;chunk-signature=<signature>'.")
        self._head, self._signature = match.groups()
        self._size = int(self._head, 16)
        if self._size > CHUNK_LIMIT_BYTES:
            detail = f"A chunk that is signed may have at most {CHUNK_LIMIT_BYTES} bytes."
            raise GatewayError(Code.BODY_TOO_LARGE, detail, hint=_HINT)
        if self._size:
            self._expects = self._read_content
            return b""
        self._expects = self._read_trailer
        return self._pass_on(b"") + b"\r\n"

    def _read_content(self) -> bytes | None:
        size = self._size
        if len(self._buffer) < size + 2:
            return None
        content, end = bytes(self._buffer[:size]), self._buffer[size : size + 2]
        if end != b"\r\n":
            raise _refusal("A chunk of the body is longer than its size says.")
        del self._buffer[: size + 2]
        self._expects = self._read_head
        return self._pass_on(content) + b"\r\n%b\r\n" % content

    def _pass_on(self, content: bytes) -> bytes:
        """The line before a chunk, without its CRLF."""
        self._check(self._read.sign(content), self._signature)
        return b"%b;chunk-signature=%b" % (self._head, self._write.sign(content))

    def _read_trailer(self) -> bytes | None:
        line = self._take_line()
        if line is None:
            return None
        if not line:
            if self._lines:
                raise _refusal("The lines behind the body's last chunk aren't signed.")
            self._expects, self._is_whole = self._read_end, True
            return b"\r\n"
        if not line.lower().startswith(_SIGNATURE):
            self._lines.append(line)
            return b""
        name, _, signature = line.partition(b":")
        text = b"".join(b"%b\n" % each.rstrip(b"\n") for each in self._lines)
        self._check(self._read.sign_trailer(text), signature.strip())
        lines = b"".join(b"%b\r\n" % each for each in self._lines)
        self._lines, self._is_whole = [], True  # some clients send an empty line after it
        return b"%b%b:%b\r\n" % (lines, name, self._write.sign_trailer(text))

    def _read_end(self) -> None:
        """Nothing follows."""

    def _check(self, expected: bytes, given: bytes) -> None:
        if not hmac.compare_digest(expected, given):
            raise _refusal("The signature of a chunk isn't the one that it has with the key's secret.")

    def _take_line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n", 0, _LINE_LIMIT_BYTES)
        if end < 0:
            if len(self._buffer) >= _LINE_LIMIT_BYTES:
                raise _refusal("A line of the body's chunks doesn't end.")
            return None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        return line


def _hash(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def _refusal(detail: str) -> GatewayError:
    return GatewayError(Code.MALFORMED_REQUEST, detail, hint=_HINT)
