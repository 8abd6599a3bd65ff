"""Message bodies: where one ends (RFC 9112 §6, §7), read in any slices and written anew.

Each reader takes bytes as they come and gives back the content in them; `done` says that the body is complete, and
`rest` then holds what came after it. `has_more` says that it stopped after a bounded number of chunks: it is to be fed
again, with nothing, when others have had their turn. Readers keep no content: memory is bounded by what a read brings.
"""

import re
from typing import Protocol

from exeat.errors import Code, GatewayError
from exeat.wire.fields import NOT_IN_TRAILERS, render_field

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]++"
_QUOTED = rb"\"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*\""
_EXTENSIONS = rb"(?:[ \t]*;[ \t]*" + _TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?)*"
_CHUNK = re.compile(rb"(0{0,8}[0-9A-Fa-f]{1,8})(" + _EXTENSIONS + rb")")
_SIZE = re.compile(rb"0{0,8}[0-9A-Fa-f]{1,8}")
_TRAILER = re.compile(rb"(" + _TOKEN + rb"):[ \t]*+([\t\x20-\x7e\x80-\xff]*+)")

CHUNK_LINE_LIMIT_BYTES = 256
EXTENSIONS_LIMIT_BYTES = 16 * 1024  # all extensions of one body: CVE-2023-39326
TRAILER_LIMIT_BYTES = 4 * 1024
CHUNKS_PER_FEED = 256  # more of them are read in another turn of the loop: a chunk costs 1 to 2 µs
LAST_CHUNK = b"0\r\n\r\n"
ALONE = "A CR or LF on its own in the chunked framing."


class BodyReader(Protocol):
    """What every reader is."""

    done: bool
    has_more: bool
    rest: bytes
    trailers: list[bytes]

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the connection, give back the content in them."""

    def close(self) -> bool:
        """Say that the connection has ended; whether the body is complete by that."""


class NoBody:
    """A message without content: everything that follows belongs to something else."""

    __slots__ = ("done", "has_more", "rest", "trailers")

    def __init__(self) -> None:
        self.done = True
        self.has_more = False
        self.rest = b""
        self.trailers: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        """Keep all of it as rest."""
        self.rest = data
        return b""

    def close(self) -> bool:
        """It was complete from the start."""
        return True


class LengthBody:
    """A body of a declared number of bytes."""

    __slots__ = ("_left", "done", "has_more", "rest", "trailers")

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0
        self.has_more = False
        self.rest = b""
        self.trailers: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        """Give the bytes that are still missing; what is more becomes the rest."""
        left = self._left - len(data)
        if left > 0:
            self._left = left
            return data
        self.done = True
        if left < 0:
            self.rest = data[left:]
            data = data[: self._left]
        self._left = 0
        return data

    def close(self) -> bool:
        """Complete only if every byte had come."""
        return self.done


class CloseBody:
    """A body that ends with its connection (responses only)."""

    __slots__ = ("done", "has_more", "rest", "trailers")

    def __init__(self) -> None:
        self.done = False
        self.has_more = False
        self.rest = b""
        self.trailers: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        """Everything is content."""
        return data

    def close(self) -> bool:
        """The end of the connection is the end of the body."""
        self.done = True
        return True


class ChunkedBody:
    """A chunked body, read strictly: CRLF only, at most eight hexadecimal digits, extensions checked and bounded."""

    __slots__ = ("_buffer", "_extensions", "_left", "_section", "_state", "done", "has_more", "rest", "trailers")

    def __init__(self) -> None:
        self._buffer = b""
        self._state = _SIZE_LINE
        self._left = 0
        self._extensions = 0
        self._section = 0
        self.done = False
        self.has_more = False
        self.rest = b""
        self.trailers: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        """Give the content of all chunks, whole or in part, that these bytes bring."""
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        content: list[bytes] = []
        at = 0
        size = len(data)
        left = CHUNKS_PER_FEED
        self.has_more = False
        while at < size:
            if self._state == _DATA:
                piece = data[at : at + self._left]
                content.append(piece)
                at += len(piece)
                self._left -= len(piece)
                if self._left:
                    break
                self._state = _DATA_END
            elif self._state == _DATA_END:
                if size - at < 2 and data[at : at + 1] == b"\r":  # noqa: PLR2004 - CRLF
                    self._buffer = data[at:]
                    break
                if data[at : at + 2] != b"\r\n":
                    raise _malformed("A chunk isn't followed by CRLF.")
                at += 2
                self._state = _SIZE_LINE
                left -= 1
                if not left and at < size:
                    self._buffer = data[at:]
                    self.has_more = True
                    break
            else:
                at = self._line(data, at)
                if at < 0 or self.done:
                    break
        return content[0] if len(content) == 1 else b"".join(content)

    def _line(self, data: bytes, at: int) -> int:
        """Read one line (chunk size or trailer) at `at`; the position after it, or -1 if it isn't whole yet."""
        limit = CHUNK_LINE_LIMIT_BYTES if self._state == _SIZE_LINE else TRAILER_LIMIT_BYTES
        end = data.find(b"\r\n", at, at + limit + 2)
        if end < 0:
            most = limit + 1 if data.endswith(b"\r") else limit  # a CR that may be half of the line's end
            if len(data) - at > most:
                raise _malformed("A chunk's first line or the trailer section is too long.")
            if b"\n" in data[at:] or b"\r" in data[at:-1]:
                raise _malformed(ALONE)
            self._buffer = data[at:]
            return -1
        line = data[at:end]
        if self._state == _SIZE_LINE:
            self._chunk(line)
        elif line:
            self._trailer(line)
        else:
            self.done = True
            self.rest = data[end + 2 :]
        return end + 2

    def _chunk(self, line: bytes) -> None:
        if not _SIZE.fullmatch(line):
            match = _CHUNK.fullmatch(line)
            if match is None:
                alone = b"\n" in line or b"\r" in line
                raise _malformed(ALONE if alone else "A chunk's size isn't one to eight hexadecimal digits.")
            line, extensions = match.groups()
            self._extensions += len(extensions)
            if self._extensions > EXTENSIONS_LIMIT_BYTES:
                raise _malformed("The chunk extensions are too long.")
        self._left = int(line, 16)
        self._state = _DATA if self._left else _TRAILERS

    def _trailer(self, line: bytes) -> None:
        match = _TRAILER.fullmatch(line)
        if match is None:
            raise _malformed("A trailer line isn't 'name: value'.")
        self._section += len(line) + 2  # CRLF
        if self._section > TRAILER_LIMIT_BYTES:
            raise _malformed("The trailer section is too long.")
        name, value = match.groups()
        dashed = name.lower().replace(b"_", b"-")  # a look-alike is treated as the name, as in a head
        if dashed not in NOT_IN_TRAILERS and not dashed.startswith((b"exeat-", b"x-forwarded-")):
            self.trailers.append(render_field(name, value.rstrip(b" \t")))

    def close(self) -> bool:
        """Complete only if the last chunk had come."""
        return self.done


_SIZE_LINE, _DATA, _DATA_END, _TRAILERS = range(4)


def _malformed(detail: str) -> GatewayError:
    return GatewayError(Code.MALFORMED_REQUEST, detail, closes=True)


def reader_of(length: int | None, *, chunked: bool) -> BodyReader:
    """The reader for a request's body."""
    if chunked:
        return ChunkedBody()
    return LengthBody(length) if length else NoBody()


def response_reader(method: bytes, status: int, length: int | None, *, chunked: bool) -> BodyReader:
    """The reader for a response's body (RFC 9112 §6.3: method and status come before any field)."""
    if method == b"HEAD" or status in {204, 304}:
        return NoBody()
    if chunked:
        return ChunkedBody()
    return CloseBody() if length is None else LengthBody(length)


def render_chunk(content: bytes) -> bytes:
    """One chunk; `content` isn't empty (an empty chunk would end the body)."""
    return b"%x\r\n%b\r\n" % (len(content), content)


def render_last_chunk(trailers: list[bytes]) -> bytes:
    """The last chunk and the trailer section."""
    if not trailers:
        return LAST_CHUNK
    return b"0\r\n" + b"".join(trailers) + b"\r\n"
