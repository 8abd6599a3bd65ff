"""HTTP/1.1 message heads: bytes to values and back (RFC 9112).

Rule 1: compiled patterns accept the strict grammar and nothing else; what they refuse is then named, never mended.
Rule 2: framing is decided here, once, from the whole head; a message that could be framed in two ways is refused.
Rule 3: what is forwarded is written anew from parsed parts; no byte of a received head is copied as it stands.
"""

import re
from typing import Final, final

from exeat.errors import Code, GatewayError
from exeat.model.limits import DEFAULT, Limits
from exeat.wire.fields import BARE, CONTROL, NOT_NOMINABLE, REQUEST, RESPONSE, FieldTable, malformed, name_of, options

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_REQUEST_LINE = re.compile(rb"(" + _TOKEN + rb"++) ([\x21-\x7e]++) HTTP/1\.([01])")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*+))?+")
_LENGTH = re.compile(rb"[0-9]{1,15}")
_HOST = re.compile(rb"(?:[A-Za-z0-9\-._]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_PLAIN_CONNECTION = frozenset({b"keep-alive", b"close", b"Keep-Alive", b"Close"})

_requests = FieldTable(REQUEST, {b"host": _HOST, b"content-length": _LENGTH})
_responses = FieldTable(RESPONSE, {b"content-length": _LENGTH})


@final
class RequestHead:
    """A request's head, checked: `fields` are those to forward, `known` those that are read here by lower-case name.

    A field is a ready line (`name: value` with CRLF). `is_1_1` is False for HTTP/1.0. `length` is the declared
    Content-Length, None without one. `has_body`: bytes of a body follow the head (RFC 9112 §6.3: a request without
    framing has none).
    """

    __slots__ = ("chunked", "fields", "has_body", "is_1_1", "known", "length", "method", "target")

    def __init__(
        self,
        method: bytes,
        target: bytes,
        is_1_1: bool,  # noqa: FBT001 - as in the head
        fields: list[bytes],
        known: dict[bytes, bytes],
        length: int | None,
        chunked: bool,  # noqa: FBT001
    ) -> None:
        self.method: Final = method
        self.target: Final = target
        self.is_1_1: Final = is_1_1
        self.fields: Final = fields
        self.known: Final = known
        self.length: Final = length
        self.chunked: Final = chunked
        self.has_body: Final = chunked or bool(length)


@final
class ResponseHead:
    """A response's head, checked; `length` and `chunked` as sent, before the request's method is considered."""

    __slots__ = ("chunked", "fields", "is_1_1", "known", "length", "reason", "status")

    def __init__(
        self,
        status: int,
        reason: bytes,
        is_1_1: bool,  # noqa: FBT001 - as in the head
        fields: list[bytes],
        known: dict[bytes, bytes],
        length: int | None,
        chunked: bool,  # noqa: FBT001
    ) -> None:
        self.status: Final = status
        self.reason: Final = reason
        self.is_1_1: Final = is_1_1
        self.fields: Final = fields
        self.known: Final = known
        self.length: Final = length
        self.chunked: Final = chunked


def parse_request(head: bytes, limits: Limits = DEFAULT) -> RequestHead:
    """Parse a request's head (without its last CRLF CRLF); GatewayError says what is wrong with it."""
    lines = head.split(b"\r\n")
    match = _REQUEST_LINE.fullmatch(lines[0])
    if match is None or len(lines[0]) > limits.line_bytes:
        raise _refusal(lines[0], limits)
    del lines[0]
    if len(lines) > limits.fields:
        raise GatewayError(Code.FIELDS_TOO_LARGE, f"The head has {len(lines)} fields.", closes=True)
    fields, known = _requests.read(lines)
    method, target, minor = match.groups()
    is_1_1 = minor == b"1"
    if is_1_1 and b"host" not in known:
        raise malformed("An HTTP/1.1 request needs a Host field.")
    length, chunked = None, False
    if b"content-length" in known or b"transfer-encoding" in known:
        length, chunked = _framing(known)
        if chunked and not is_1_1:
            raise malformed("Transfer-Encoding doesn't exist in HTTP/1.0.")
    connection = known.get(b"connection")
    if connection is not None and connection not in _PLAIN_CONNECTION:
        fields = _without_nominated(fields, known)
    return RequestHead(method, target, is_1_1, fields, known, length, chunked)


def parse_response(head: bytes, limits: Limits = DEFAULT) -> ResponseHead:
    """Parse a response's head (without its last CRLF CRLF); GatewayError says what is wrong with it."""
    lines = head.split(b"\r\n")
    match = _STATUS_LINE.fullmatch(lines[0])
    if match is None:
        raise GatewayError(Code.UPSTREAM_MALFORMED, "The upstream's answer doesn't begin with a valid HTTP/1.1 head.")
    del lines[0]
    if len(lines) > limits.fields:
        raise GatewayError(Code.UPSTREAM_MALFORMED, f"The upstream's answer has {len(lines)} fields.")
    length, chunked = None, False
    try:
        fields, known = _responses.read(lines)
        if b"content-length" in known or b"transfer-encoding" in known:
            length, chunked = _framing(known)
    except GatewayError as error:
        raise GatewayError(Code.UPSTREAM_MALFORMED, f"In the upstream's answer: {error.detail}") from error
    connection = known.get(b"connection")
    if connection is not None and connection not in _PLAIN_CONNECTION:
        nominated = frozenset(options(connection)) - {b"connection"}
        fields = [line for line in fields if name_of(line) not in nominated]
        known = {name: value for name, value in known.items() if name not in nominated}
    minor, status, reason = match.groups()
    return ResponseHead(int(status), reason or b"", minor == b"1", fields, known, length, chunked)


def _framing(known: dict[bytes, bytes]) -> tuple[int | None, bool]:
    """Content-Length and whether the body is chunked (RFC 9112 §6.3, the strict reading of every rule)."""
    declared = known.get(b"content-length")
    coding = known.get(b"transfer-encoding")
    if coding is not None:
        if declared is not None:
            raise malformed("Content-Length and Transfer-Encoding may not both be sent.")
        if coding.lower() != b"chunked":
            raise malformed("The only transfer coding understood is 'chunked'.")
        return None, True
    return None if declared is None else int(declared), False  # the field's table let nothing but digits pass


def _without_nominated(fields: list[bytes], known: dict[bytes, bytes]) -> list[bytes]:
    """Remove the fields that Connection nominates as hop-by-hop (RFC 9110 §7.6.1)."""
    nominated = frozenset(options(known[b"connection"]))
    for option in nominated:
        if option in NOT_NOMINABLE:
            raise malformed(f"Connection may not nominate {option.decode('latin-1')}.")
        if option in {b"x-api-key", b"origin"}:
            known.pop(option, None)
    return [line for line in fields if name_of(line) not in nominated]


def _refusal(line: bytes, limits: Limits) -> GatewayError:
    """Name what is wrong with a request line that the grammar refused."""
    if len(line) > limits.line_bytes:
        return GatewayError(Code.TARGET_TOO_LONG, f"The request line has {len(line)} bytes.", closes=True)
    if BARE.search(line):
        return malformed(CONTROL)
    parts = line.split(b" ")
    if len(parts) != 3:  # noqa: PLR2004 - method, target, version
        return malformed("The request line isn't 'method target HTTP/1.1' with single spaces.")
    if parts[2] not in {b"HTTP/1.1", b"HTTP/1.0"}:
        return malformed("Only HTTP/1.1 and HTTP/1.0 are spoken here.")
    if any(byte < 0x21 or byte > 0x7E for byte in parts[1]):  # noqa: PLR2004 - visible ASCII
        return malformed("The request target holds a byte that isn't visible ASCII; percent-encode it.")
    return malformed("The method or the target in the request line isn't valid.")


def check_partial(data: bytes, judged: int = 0, limits: Limits = DEFAULT) -> None:
    """Judge a head that isn't complete yet: refuse early what can't become valid or is too large already.

    `judged` is how much of it was found good before and isn't searched again: a head that comes byte by byte would
    otherwise cost the square of its size.
    """
    end = data.find(b"\r\n")
    whole = data[:-1] if data.endswith(b"\r") else data  # a CR at the end may be half of a line's end
    if (end if end >= 0 else len(whole)) > limits.line_bytes:
        detail = f"The request line is longer than {limits.line_bytes} bytes."
        raise GatewayError(Code.TARGET_TOO_LONG, detail, closes=True)
    if len(data) > limits.head_bytes + 3:  # of the CRLF CRLF after a head, all but the last byte may be here
        detail = f"The head is larger than {limits.head_bytes} bytes."
        raise GatewayError(Code.FIELDS_TOO_LARGE, detail, closes=True)
    if BARE.search(whole, max(judged - 1, 0)):
        raise malformed(CONTROL)


def render_response(status: int, reason: bytes, fields: list[bytes], framing: bytes) -> bytes:
    """Write a response's head; `framing` is ready lines that frame and describe it."""
    return b"HTTP/1.1 %d %b\r\n%b%b\r\n" % (status, reason, b"".join(fields), framing)
