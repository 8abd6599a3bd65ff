"""What Exeat accepts and refuses of HTTP/1.1, rule by rule, and where h11 judges otherwise.

Rule 1: this is the one list. `docs/reference/http1.md` shows it to readers, and each row is proven by its example.
Rule 2: the two readers may differ only where `differs` says so, and there they do. h11 may be lenient as a library; an
intermediary that passes on what can be read in two ways is how requests are smuggled.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from exeat.model.limits import DEFAULT
from exeat.wire.body import CHUNK_LINE_LIMIT_BYTES, EXTENSIONS_LIMIT_BYTES, TRAILER_LIMIT_BYTES
from tests.support.values import KEY

Differs = Callable[[bytes], object]


@dataclass(frozen=True)
class Rule:
    """One row: what is judged, the section that says so, what Exeat does, and the status that comes of it.

    `example` is a head without the empty line that ends it, or a chunked body. `differs` tells from a head or body
    whether it falls under a rule that h11 doesn't have or that Exeat doesn't; None where both judge alike.
    """

    rule: str
    source: str
    does: str
    status: int
    example: bytes
    differs: Differs | None = None


def values(head: bytes, name: bytes) -> list[bytes]:
    """The values of a field, however its line is written."""
    found = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return [value.strip() for known, _, value in found if known.strip().lower() == name]


def _has_long_digits(head: bytes) -> bool:
    return any(len(value) > 15 for value in values(head, b"content-length"))


def _has_two_lengths(head: bytes) -> bool:
    lengths = values(head, b"content-length")
    return len(lengths) > 1 or b"," in b"".join(lengths)


def _has_odd_host(head: bytes) -> bool:
    fine = re.compile(rb"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{0,5})?")
    return not all(map(fine.fullmatch, values(head, b"host")))


def _has_both(head: bytes) -> bool:
    return bool(values(head, b"content-length") and values(head, b"transfer-encoding"))


def _has_two_of_one(head: bytes) -> bool:
    once = (b"authorization", b"proxy-authorization", b"exeat-key", b"exeat-target", b"x-api-key", b"expect", b"host")
    return any(len(values(head, name)) > 1 for name in once)


_BARE_LF = re.compile(rb"(?<!\r)\n")
_BARE = re.compile(rb"(?<!\r)\n|\r(?!\n)")
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_FOLD = re.compile(rb"\r\n[ \t]")
_NOMINATED: Final = (b"host", b"content-length", b"transfer-encoding", b"authorization", b"cookie", b"exeat-key")
_HOST = b"\r\nHost: gateway.test\r\nExeat-Key: " + KEY
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_VALUE = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
_BWS = rb"[ \t]*"
_EXTENSION = _BWS + b";" + _BWS + _TOKEN + b"(?:" + _BWS + b"=" + _BWS + b"(?:" + _TOKEN + b"|" + _VALUE + b"))?"
_GOOD_LINE = re.compile(rb"[0-9A-Fa-f]+(?:" + _EXTENSION + rb")*")
_SIZED = re.compile(rb"(?:^|\n)([0-9A-Fa-f]+(?:[ \t]*;[^\n]*)?)\r\n")

# fmt: off
REQUESTS: Final = (
    Rule("A line ends with CRLF. LF or CR alone is refused.", "RFC 9112 §2.2",
         "refuses", 400, b"GET /api/ HTTP/1.1\nHost: gateway.test\r\nX: y", _BARE_LF.search),
    Rule("Empty lines before a request line are skipped.", "RFC 9112 §2.2",
         "accepts", 200, b"\r\nGET /api/ HTTP/1.1" + _HOST, re.compile(rb"(?:\r\n)+(?=[^\r])").match),
    Rule("A request line is method, target and version, with one space between them.", "RFC 9112 §3",
         "refuses others", 400, b"GET  /api/ HTTP/1.1" + _HOST),
    Rule("The version is HTTP/1.1 or HTTP/1.0.", "RFC 9112 §2.3",
         "refuses others", 400, b"GET /api/ HTTP/1.2" + _HOST,
         re.compile(rb"[^\r\n]* HTTP/(?!1\.[01](?:\r|$))").match),
    Rule("The target is visible ASCII.", "RFC 9112 §3.2",
         "refuses others", 400, b"GET /api/caf\xc3\xa9 HTTP/1.1" + _HOST),
    Rule("A request line has at most 8 KiB.", "RFC 9112 §3",
         "refuses longer ones", 414, b"GET /api/" + b"x" * DEFAULT.line_bytes + b" HTTP/1.1" + _HOST,
         lambda head: len(head.partition(b"\r\n")[0]) > DEFAULT.line_bytes),
    Rule("A head has at most 32 KiB.", "RFC 9110 §5.4",
         "refuses larger ones", 431, b"GET /api/ HTTP/1.1" + _HOST + b"\r\nX: " + b"y" * DEFAULT.head_bytes,
         lambda head: len(head) > DEFAULT.head_bytes),
    Rule("A head has at most 100 fields.", "RFC 9110 §5.4",
         "refuses more", 431, b"GET /api/ HTTP/1.1" + _HOST + b"\r\nX: y" * DEFAULT.fields,
         lambda head: head.count(b"\r\n") > DEFAULT.fields),
    Rule("HTTP/1.1 has one Host.", "RFC 9112 §3.2",
         "refuses none and two", 400, b"GET /api/ HTTP/1.1" + _HOST + _HOST),
    Rule("Host is a name or an address, and perhaps a port.", "RFC 9112 §3.2",
         "refuses others", 400, b"GET /api/ HTTP/1.1\r\nHost: user@gateway.test", _has_odd_host),
    Rule("No white space stands before a field's colon.", "RFC 9112 §5.1",
         "refuses it", 400, b"GET /api/ HTTP/1.1" + _HOST + b"\r\nX : y"),
    Rule("A field is one line (no line folding).", "RFC 9112 §5.2",
         "refuses folded ones", 400, b"GET /api/ HTTP/1.1" + _HOST + b"\r\nX: y\r\n z", _FOLD.search),
    Rule("A value holds no control character but HTAB.", "RFC 9110 §5.5",
         "refuses it", 400, b"GET /api/ HTTP/1.1" + _HOST + b"\r\nX: \x07", _CONTROL.search),
    Rule("Bytes from 0x80 on may stand in a value.", "RFC 9110 §5.5",
         "passes them on", 200, b"GET /api/ HTTP/1.1" + _HOST + b"\r\nX: caf\xe9"),
    Rule("What frames, routes or authenticates is sent once.", "RFC 9110 §5.3",
         "refuses two", 400, b"GET /api/ HTTP/1.1" + _HOST + b"\r\nAuthorization: x\r\nAuthorization: y",
         _has_two_of_one),
    Rule("Connection names no field that frames, routes or authenticates.", "RFC 9110 §7.6.1",
         "refuses it", 400, b"POST /api/ HTTP/1.1" + _HOST + b"\r\nContent-Length: 0\r\nConnection: content-length",
         lambda head: any(name in b",".join(values(head, b"connection")).lower() for name in _NOMINATED)),
    Rule("Content-Length and Transfer-Encoding don't come together.", "RFC 9112 §6.1",
         "refuses both", 400, b"POST /api/ HTTP/1.1" + _HOST + b"\r\nContent-Length: 5\r\nTransfer-Encoding: chunked",
         _has_both),
    Rule("HTTP/1.0 has no Transfer-Encoding.", "RFC 9112 §6.1",
         "refuses it", 400, b"POST /api/ HTTP/1.0" + _HOST + b"\r\nTransfer-Encoding: chunked",
         lambda head: head.partition(b"\r\n")[0].endswith(b"/1.0") and values(head, b"transfer-encoding")),
    Rule("The transfer coding is `chunked`, alone and once.", "RFC 9112 §6.1",
         "refuses others", 400, b"POST /api/ HTTP/1.1" + _HOST + b"\r\nTransfer-Encoding: gzip, chunked"),
    Rule("Content-Length is digits.", "RFC 9110 §8.6",
         "refuses signs, prefixes and separators", 400, b"POST /api/ HTTP/1.1" + _HOST + b"\r\nContent-Length: +5"),
    Rule("Content-Length has at most 15 digits.", "RFC 9110 §8.6",
         "refuses more, lest they overflow elsewhere", 400,
         b"POST /api/ HTTP/1.1" + _HOST + b"\r\nContent-Length: 0000000000000005", _has_long_digits),
    Rule("Content-Length is sent once, as one number.", "RFC 9112 §6.3",
         "refuses two, even if they are equal", 400, b"POST /api/ HTTP/1.1" + _HOST + b"\r\nContent-Length: 5, 5",
         _has_two_lengths),
    Rule("A request without Content-Length and Transfer-Encoding has no body.", "RFC 9112 §6.3",
         "accepts", 200, b"POST /api/ HTTP/1.1" + _HOST),
)

ANSWERS: Final = (
    Rule("A line ends with CRLF. LF or CR alone is refused.", "RFC 9112 §2.2",
         "refuses", 502, b"HTTP/1.1 200 OK\r\nX: a\nY: b\r\nContent-Length: 0", _BARE_LF.search),
    Rule("The version is HTTP/1.1 or HTTP/1.0.", "RFC 9112 §2.3",
         "refuses others", 502, b"HTTP/2.0 200 OK\r\nContent-Length: 0", re.compile(rb"HTTP/(?!1\.[01] )").match),
    Rule("A status is three digits, from 100 to 599.", "RFC 9110 §15",
         "refuses others", 502, b"HTTP/1.1 600 Odd\r\nContent-Length: 0", re.compile(rb"HTTP/\S+ [06-9]").match),
    Rule("The reason may be missing, with the space before it.", "RFC 9112 §4",
         "accepts", 200, b"HTTP/1.1 200\r\nContent-Length: 0"),
    Rule("A reason and a value hold no control character but HTAB.", "RFC 9110 §5.5",
         "refuses it", 502, b"HTTP/1.1 200 \x07\r\nContent-Length: 0", _CONTROL.search),
    Rule("No white space stands before a field's colon.", "RFC 9112 §5.1",
         "refuses it", 502, b"HTTP/1.1 200 OK\r\nX : y\r\nContent-Length: 0"),
    Rule("A field is one line (no line folding).", "RFC 9112 §5.2",
         "refuses folded ones", 502, b"HTTP/1.1 200 OK\r\nX: y\r\n z\r\nContent-Length: 0", _FOLD.search),
    Rule("A head has at most 32 KiB.", "RFC 9110 §5.4",
         "refuses larger ones", 502, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: " + b"y" * DEFAULT.head_bytes,
         lambda head: len(head) > DEFAULT.head_bytes),
    Rule("A head has at most 100 fields.", "RFC 9110 §5.4",
         "refuses more", 502, b"HTTP/1.1 200 OK\r\nContent-Length: 0" + b"\r\nX: y" * DEFAULT.fields,
         lambda head: head.count(b"\r\n") > DEFAULT.fields),
    Rule("At most 32 interim answers come before the final one.", "RFC 9110 §15.2",
         "refuses more", 502, b"HTTP/1.1 103 Early Hints\r\n\r\n" * 33 + b"HTTP/1.1 200 OK\r\nContent-Length: 0",
         lambda head: head.count(b"HTTP/1.1 1") > 32),
    Rule("Nobody asked for another protocol (101).", "RFC 9110 §7.8",
         "refuses it", 502, b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket"),
    Rule("Content-Length and Transfer-Encoding don't come together.", "RFC 9112 §6.3",
         "refuses both", 502, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", _has_both),
    Rule("The transfer coding is `chunked`, alone and once.", "RFC 9112 §6.3",
         "refuses others", 502, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked"),
    Rule("An answer in HTTP/1.0 may be chunked, but its connection isn't used again.", "RFC 9112 §6.1",
         "accepts", 200, b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0"),
    Rule("Content-Length is digits.", "RFC 9110 §8.6",
         "refuses signs, prefixes and separators", 502, b"HTTP/1.1 200 OK\r\nContent-Length: 0x0"),
    Rule("Content-Length has at most 15 digits.", "RFC 9110 §8.6",
         "refuses more, lest they overflow elsewhere", 502, b"HTTP/1.1 200 OK\r\nContent-Length: 0000000000000000",
         _has_long_digits),
    Rule("Content-Length is sent once, as one number.", "RFC 9112 §6.3",
         "refuses two, even if they are equal", 502, b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0",
         _has_two_lengths),
    Rule("204 and 304 have no body, whatever their fields say.", "RFC 9112 §6.3",
         "accepts", 204, b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked"),
)

CHUNKED: Final = (
    Rule("A line ends with CRLF. LF or CR alone is refused.", "RFC 9112 §7.1",
         "refuses", 400, b"0\r\n\n", _BARE.search),
    Rule("A size is hexadecimal digits and nothing else.", "RFC 9112 §7.1",
         "refuses signs, prefixes and separators", 400, b"0x5\r\nhello\r\n0\r\n\r\n"),
    Rule("A size has at most 8 digits, after at most 8 zeros.", "RFC 9112 §7.1",
         "refuses more, lest they overflow elsewhere", 400, b"00000000000000005\r\nhello\r\n0\r\n\r\n",
         re.compile(rb"(?:^|\n)(?!0{0,8}[0-9A-Fa-f]{1,8}(?![0-9A-Fa-f]))[0-9A-Fa-f]").search),
    Rule("No white space stands between a size and the end of its line.", "RFC 9112 §7.1",
         "refuses it", 400, b"5 \r\nhello\r\n0\r\n\r\n", re.compile(rb"[0-9A-Za-z][ \t]+\r\n").search),
    Rule("Chunk extensions are read, judged and left out.", "RFC 9112 §7.1.1",
         "refuses what breaks their grammar", 400, b'5;a="b\r\nhello\r\n0\r\n\r\n',
         lambda body: not all(map(_GOOD_LINE.fullmatch, _SIZED.findall(body)))),
    Rule("White space may stand around an extension's `;` and `=`.", "RFC 9112 §7.1.1",
         "accepts", 200, b"5 ; a = b\r\nhello\r\n0\r\n\r\n", re.compile(rb"[0-9A-Fa-f][ \t]+;").search),
    Rule("The first line of a chunk has at most 256 bytes.", "RFC 9112 §7.1.1",
         "refuses longer ones", 400, b"5;a=" + b"b" * CHUNK_LINE_LIMIT_BYTES + b"\r\nhello\r\n0\r\n\r\n",
         lambda body: any(len(line) > CHUNK_LINE_LIMIT_BYTES for line in body.split(b"\r\n"))),
    Rule("The extensions of one body have at most 16 KiB.", "RFC 9112 §7.1.1",
         "refuses more", 400, (b"1;a=" + b"b" * 200 + b"\r\nx\r\n") * (EXTENSIONS_LIMIT_BYTES // 200) + b"0\r\n\r\n",
         lambda body: sum(map(len, _SIZED.findall(body))) > EXTENSIONS_LIMIT_BYTES),
    Rule("A chunk's content is followed by CRLF.", "RFC 9112 §7.1",
         "refuses others", 400, b"5\r\nhelloXX0\r\n\r\n"),
    Rule("A trailer is one line (no line folding).", "RFC 9112 §5.2",
         "refuses folded ones", 400, b"0\r\nX: y\r\n z\r\n\r\n", _FOLD.search),
    Rule("A trailer's value holds no control character but HTAB.", "RFC 9110 §5.5",
         "refuses it", 400, b"0\r\nX: \x07\r\n\r\n", _CONTROL.search),
    Rule("The trailer section has at most 4 KiB.", "RFC 9112 §7.1.2",
         "refuses more", 400, b"0\r\n" + b"X: y\r\n" * (TRAILER_LIMIT_BYTES // 6 + 1) + b"\r\n",
         lambda body: len(body.rpartition(b"0\r\n")[2]) > TRAILER_LIMIT_BYTES),
    Rule("A trailer that frames, routes or authenticates is left out, whatever it says.", "RFC 9110 §6.5.1",
         "accepts", 200, b"0\r\nContent-Length: x\r\n\r\n",
         re.compile(rb"\n(?:content-length|transfer-encoding):", re.IGNORECASE).search),
)
# fmt: on

PARTS: Final = {"Requests": REQUESTS, "Answers": ANSWERS, "Chunked bodies": CHUNKED}
