"""HTTP/1.1 messages read with no mercy (RFC 9112), at both ends of the gateway: what it writes must need none.

This reader shares no code with the gateway's. It takes bytes in any slices; what is not exactly as a careful sender
writes it is a Fault.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_STARTS = {
    "request": re.compile(rf"{_TOKEN} [\x21-\x7e]+ HTTP/1\.1".encode()),
    "response": re.compile(rb"HTTP/1\.1 [1-5][0-9]{2} [\t\x20-\x7e\x80-\xff]*"),
}
_VISIBLE = r"[\x21-\x7e\x80-\xff]"
_FIELD = re.compile(rf"({_TOKEN}): ?((?:{_VISIBLE}(?:[\t\x20-\x7e\x80-\xff]*{_VISIBLE})?)?)".encode())
_SIZE = re.compile(rb"[0-9a-fA-F]{1,8}")
_LENGTH = re.compile(rb"0|[1-9][0-9]{0,14}")

Kind = Literal["request", "response"]
Field = tuple[bytes, bytes]


class Fault(Exception):  # noqa: N818 - what is wrong with a message
    """What is wrong with a message."""


@dataclass
class Message:
    """One message: its first line, its fields with names as sent, and the body without its framing.

    `head` is the head as it came; `is_whole` says that the body is complete.
    """

    start: bytes
    fields: list[Field]
    head: bytes
    body: bytes = b""
    trailers: list[Field] = field(default_factory=list)
    is_whole: bool = False

    @property
    def method(self) -> bytes:
        """A request's method."""
        return self.start.split(b" ")[0]

    @property
    def target(self) -> bytes:
        """A request's target."""
        return self.start.split(b" ")[1]

    @property
    def status(self) -> int:
        """A response's status."""
        return int(self.start.split(b" ")[1])

    def values(self, name: bytes) -> list[bytes]:
        """The values of all field lines of a name, in order."""
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def value(self, name: bytes) -> bytes | None:
        """The value of the one field line of a name; None without one."""
        found = self.values(name)
        if len(found) > 1:
            raise Fault(f"{name.decode()} came {len(found)} times")
        return found[0] if found else None


class Reader:
    """Reads the messages of one direction of one connection.

    `methods` are those of the requests that responses answer. `messages` are those whose head is whole, the last of
    them perhaps not its body; `rest` is what follows them.
    """

    def __init__(self, kind: Kind, methods: Iterable[bytes] = ()) -> None:
        self.messages: list[Message] = []
        self._kind = kind
        self._methods = iter(methods)
        self._buffer = bytearray()
        self._body = bytearray()
        self._left: int | None = None  # of a body with a length, or of a chunk; None is until the connection ends
        self._state: Literal["head", "body", "size", "chunk", "after", "trailers"] = "head"

    @property
    def rest(self) -> bytes:
        """What came and belongs to no message yet."""
        return bytes(self._buffer)

    @property
    def whole(self) -> list[Message]:
        """The messages that are complete."""
        return [message for message in self.messages if message.is_whole]

    @property
    def partial(self) -> Message | None:
        """The message whose body isn't complete."""
        return self.messages[-1] if self.messages and not self.messages[-1].is_whole else None

    def feed(self, data: bytes) -> None:
        """Take bytes; Fault says what is wrong with them."""
        self._buffer += data
        while self._buffer and self._step():
            pass

    def end(self) -> None:
        """The connection has ended: that completes a body without a length of its own."""
        if self._state == "body" and self._left is None:
            self._finish()
        elif self.partial is not None:
            self.partial.body = bytes(self._body)

    def _step(self) -> bool:
        match self._state:
            case "head":
                return self._read_head()
            case "body" | "chunk":
                return self._read_content()
            case "size":
                return self._read_size()
            case "after":
                if len(self._buffer) < 2:
                    return False
                if self._take(2) != b"\r\n":
                    raise Fault("a chunk isn't followed by CRLF")
                self._state = "size"
                return True
            case "trailers":
                return self._read_trailer()

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self._take(end + 4)
        start, *lines = head[:-4].split(b"\r\n")
        if not _STARTS[self._kind].fullmatch(start):
            raise Fault(f"a {self._kind} begins with {start!r}")
        message = Message(start, [_parse_field(line) for line in lines], head)
        self.messages.append(message)
        self._begin_body(message)
        return True

    def _begin_body(self, message: Message) -> None:
        length, coding = message.value(b"content-length"), message.value(b"transfer-encoding")
        if length is not None and coding is not None:
            raise Fault("Content-Length and Transfer-Encoding")
        if coding not in {None, b"chunked"}:
            raise Fault(f"Transfer-Encoding: {coding!r}")
        if length is not None and not _LENGTH.fullmatch(length):
            raise Fault(f"Content-Length: {length!r}")
        if self._has_no_body(message):
            self._finish()
        elif coding is not None:
            self._state = "size"
        elif length is not None:
            self._state, self._left = "body", int(length)
            if self._left == 0:
                self._finish()
        elif self._kind == "request":
            self._finish()
        else:
            self._state, self._left = "body", None

    def _has_no_body(self, message: Message) -> bool:
        if self._kind == "request":
            if message.value(b"host") is None:
                raise Fault("a request without Host")
            return False
        if message.status < 200:
            return True
        return next(self._methods, b"GET") == b"HEAD" or message.status in {204, 304}

    def _read_content(self) -> bool:
        content = self._take(len(self._buffer) if self._left is None else self._left)
        self._body += content
        if self._left is None:
            return False
        self._left -= len(content)
        if self._left:
            return False
        if self._state == "chunk":
            self._state = "after"
        else:
            self._finish()
        return True

    def _read_size(self) -> bool:
        line = self._line()
        if line is None:
            return False
        if not _SIZE.fullmatch(line):
            raise Fault(f"a chunk begins with {line!r}")
        self._left = int(line, 16)
        self._state = "chunk" if self._left else "trailers"
        return True

    def _read_trailer(self) -> bool:
        line = self._line()
        if line is None:
            return False
        if line:
            self.messages[-1].trailers.append(_parse_field(line))
        else:
            self._finish()
        return True

    def _line(self) -> bytes | None:
        end = self._buffer.find(b"\r\n")
        return None if end < 0 else self._take(end + 2)[:-2]

    def _finish(self) -> None:
        message = self.messages[-1]
        message.body = bytes(self._body)
        message.is_whole = True
        self._body.clear()
        self._state = "head"


def _parse_field(line: bytes) -> Field:
    match = _FIELD.fullmatch(line)
    if match is None:
        raise Fault(f"a field line is {line!r}")
    return match[1], match[2]


def read_whole(kind: Kind, data: bytes, methods: Iterable[bytes] = ()) -> list[Message]:
    """The messages in bytes after which the connection ends."""
    reader = Reader(kind, methods)
    reader.feed(data)
    reader.end()
    return reader.messages
