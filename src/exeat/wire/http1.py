"""HTTP/1.1 message heads: bytes to values and back (RFC 9112).

Rule 1: one compiled pattern accepts the strict grammar and nothing else; what it refuses is then named, never mended.
Rule 2: framing is decided here, once, from the whole head; a message that could be framed in two ways is refused.
Rule 3: what is forwarded is written anew from parsed parts; no byte of a received head is copied as it stands.
"""

import re
from typing import NamedTuple

from exeat.errors import Code, GatewayError
from exeat.wire.fields import NOT_NOMINABLE, REQUEST, RESPONSE, Field, Named, Treatment, learn, options

LINE_LIMIT_BYTES = 8 * 1024
HEAD_LIMIT_BYTES = 32 * 1024
FIELD_LIMIT = 100

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_FIELDS = rb"((?:\r\n" + _TOKEN + rb"++:[\t\x20-\x7e\x80-\xff]*+)*+)"
_REQUEST = re.compile(rb"(" + _TOKEN + rb"++) ([\x21-\x7e]++) HTTP/1\.([01])" + _FIELDS)
_RESPONSE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*+))?+" + _FIELDS)
_FIELD = re.compile(rb"\r\n([^:]++):[ \t]*+([^\r]*+)")
_LENGTH = re.compile(rb"[0-9]{1,15}")
_HOST = re.compile(rb"(?:[A-Za-z0-9\-._]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_BARE = re.compile(rb"\r(?!\n)|(?<!\r)\n|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_seen_in_requests: dict[bytes, Named] = {}
_seen_in_responses: dict[bytes, Named] = {}


class RequestHead(NamedTuple):
    """A request's head, checked: `fields` are those to forward, `known` those that are read here by lower-case name.

    `minor` is the version's last digit. `length` is the declared Content-Length, None without one.
    """

    method: bytes
    target: bytes
    minor: int
    fields: list[Field]
    known: dict[bytes, bytes]
    length: int | None
    chunked: bool

    @property
    def has_body(self) -> bool:
        """Whether bytes of a body follow the head (RFC 9112 §6.3: a request without framing has none)."""
        return self.chunked or bool(self.length)


class ResponseHead(NamedTuple):
    """A response's head, checked; `length` and `chunked` as sent, before the request's method is considered."""

    status: int
    reason: bytes
    minor: int
    fields: list[Field]
    known: dict[bytes, bytes]
    length: int | None
    chunked: bool


def parse_request(head: bytes) -> RequestHead:
    """Parse a request's head (without its last CRLF CRLF); GatewayError says what is wrong with it."""
    match = _REQUEST.fullmatch(head)
    if match is None:
        raise _refusal(head)
    method, target, minor, block = match.groups()
    if len(target) > LINE_LIMIT_BYTES:
        raise GatewayError(Code.TARGET_TOO_LONG, f"The request target has {len(target)} bytes.", closes=True)
    fields, known = _read(block, REQUEST, _seen_in_requests)
    host = known.get(b"host")
    if host is None:
        if minor == b"1":
            raise _malformed("An HTTP/1.1 request needs a Host field.")
    elif not _HOST.fullmatch(host):
        raise _malformed("The Host field isn't one host with an optional port.")
    if b"transfer-encoding" in known and minor == b"0":
        raise _malformed("Transfer-Encoding doesn't exist in HTTP/1.0.")
    length, chunked = _framing(known)
    if b"connection" in known:
        fields = _without_nominated(fields, known)
    return RequestHead(method, target, 1 if minor == b"1" else 0, fields, known, length, chunked)


def parse_response(head: bytes) -> ResponseHead:
    """Parse a response's head (without its last CRLF CRLF); GatewayError says what is wrong with it."""
    match = _RESPONSE.fullmatch(head)
    if match is None:
        raise GatewayError(Code.UPSTREAM_MALFORMED, "The upstream's answer doesn't begin with a valid HTTP/1.1 head.")
    minor, status, reason, block = match.groups()
    try:
        fields, known = _read(block, RESPONSE, _seen_in_responses)
        length, chunked = _framing(known)
    except GatewayError as error:
        raise GatewayError(Code.UPSTREAM_MALFORMED, f"In the upstream's answer: {error.detail}") from error
    if b"connection" in known:
        nominated = options(known[b"connection"])
        if nominated != [b"close"] and nominated != [b"keep-alive"]:
            fields = [field for field in fields if field[0].lower() not in nominated]
    return ResponseHead(int(status), reason or b"", 1 if minor == b"1" else 0, fields, known, length, chunked)


def _read(
    block: bytes, table: dict[bytes, Treatment], seen: dict[bytes, Named]
) -> tuple[list[Field], dict[bytes, bytes]]:
    found: list[Field] = _FIELD.findall(block)
    if len(found) > FIELD_LIMIT:
        raise GatewayError(Code.FIELDS_TOO_LARGE, f"The head has {len(found)} fields.", closes=True)
    fields: list[Field] = []
    known: dict[bytes, bytes] = {}
    for name, value in found:
        if value.endswith((b" ", b"\t")):
            value = value.rstrip(b" \t")  # noqa: PLW2901 - OWS after the value isn't part of it
        named = seen.get(name) or learn(name, table, seen)
        treatment = named.treatment
        if treatment == Treatment.PASS:
            fields.append((name, value))
            continue
        if treatment == Treatment.DROP:
            continue
        lower = named.name
        if lower not in known:
            known[lower] = value
        elif treatment in {Treatment.ONCE, Treatment.ONCE_KEPT}:
            raise _malformed(f"The field {lower.decode()} was sent more than once.")
        else:
            known[lower] += b", " + value
        if treatment >= Treatment.ONCE_KEPT:
            fields.append((name, value))
    return fields, known


def _framing(known: dict[bytes, bytes]) -> tuple[int | None, bool]:
    """Content-Length and whether the body is chunked (RFC 9112 §6.3, the strict reading of every rule)."""
    declared = known.get(b"content-length")
    coding = known.get(b"transfer-encoding")
    if coding is not None:
        if declared is not None:
            raise _malformed("Content-Length and Transfer-Encoding may not both be sent.")
        if coding.lower() != b"chunked":
            raise _malformed("The only transfer coding understood is 'chunked'.")
        return None, True
    if declared is None:
        return None, False
    if not _LENGTH.fullmatch(declared):
        raise _malformed("Content-Length isn't a decimal number of at most 15 digits.")
    return int(declared), False


def _without_nominated(fields: list[Field], known: dict[bytes, bytes]) -> list[Field]:
    """Remove the fields that Connection nominates as hop-by-hop (RFC 9110 §7.6.1)."""
    nominated = options(known[b"connection"])
    if nominated in ([b"keep-alive"], [b"close"]):
        return fields
    for option in nominated:
        if option in NOT_NOMINABLE:
            raise _malformed(f"Connection may not nominate {option.decode('latin-1')}.")
    for option in nominated:
        if option in known and option in {b"x-api-key", b"origin"}:
            del known[option]
    return [field for field in fields if field[0].lower() not in nominated]


def _malformed(detail: str) -> GatewayError:
    return GatewayError(Code.MALFORMED_REQUEST, detail, closes=True)


def _refusal(head: bytes) -> GatewayError:
    """Name what is wrong with a head that the grammar refused."""
    line, _, rest = head.partition(b"\r\n")
    if len(line) > LINE_LIMIT_BYTES:
        return GatewayError(Code.TARGET_TOO_LONG, f"The request line has {len(line)} bytes.", closes=True)
    if _BARE.search(head):
        return _malformed("The head holds a control character, or a CR or LF on its own.")
    parts = line.split(b" ")
    if len(parts) != 3:  # noqa: PLR2004 - method, target, version
        return _malformed("The request line isn't 'method target HTTP/1.1' with single spaces.")
    if parts[2] not in {b"HTTP/1.1", b"HTTP/1.0"}:
        return _malformed("Only HTTP/1.1 and HTTP/1.0 are spoken here.")
    if any(byte < 0x21 or byte > 0x7E for byte in parts[1]):  # noqa: PLR2004 - visible ASCII
        return _malformed("The request target holds a byte that isn't visible ASCII; percent-encode it.")
    if rest[:1] in {b" ", b"\t"} or b"\r\n " in head or b"\r\n\t" in head:
        return _malformed("A field line begins with white space (obsolete line folding).")
    return _malformed("A field line isn't 'name: value' with a valid name.")


def check_partial(data: bytes) -> None:
    """Judge a head that isn't complete yet: refuse early what can't become valid or is too large already."""
    end = data.find(b"\r\n")
    if (end if end >= 0 else len(data)) > LINE_LIMIT_BYTES:
        raise GatewayError(Code.TARGET_TOO_LONG, "The request line is longer than 8 KiB.", closes=True)
    if len(data) > HEAD_LIMIT_BYTES:
        raise GatewayError(Code.FIELDS_TOO_LARGE, "The head is larger than 32 KiB.", closes=True)
    whole = data[:-1] if data.endswith(b"\r") else data
    if _BARE.search(whole):
        raise _malformed("The head holds a control character, or a CR or LF on its own.")


def render_response(status: int, reason: bytes, fields: list[Field], framing: bytes) -> bytes:
    """Write a response's head; `framing` is ready lines (`name: value` with CRLF each) that frame and describe it."""
    lines = [b"HTTP/1.1 %d %b\r\n" % (status, reason)]
    for name, value in fields:
        lines += (name, b": ", value, b"\r\n")
    lines += (framing, b"\r\n")
    return b"".join(lines)
