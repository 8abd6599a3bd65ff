"""Correct requests with a few random changes, of the kinds that parsers have been seen to disagree about."""

import random
import re
from collections.abc import Callable, Iterator

from tests.smuggling.hostile import CHUNKED, Hostile, authority, canary, chunk, length

ONE_BYTE = tuple(bytes([code]) for code in range(256))
SEPARATORS = (b"\r\n", b"\r", b"\n", b"\0", b":", b"\t", b" ", b";", b",", b"_", b"0", b"\x85")
LINES = (
    *(b"Content-Length: 0", b"Content-Length: 5", b"content-length:5", b"Content-Length: +5", b"Content-Length: 05"),
    *(b"Transfer-Encoding: chunked", b"transfer-encoding:chunked", b"Transfer-Encoding: identity", b"TE: trailers"),
    *(b"Connection: close", b"Connection: Content-Length", b"Connection: keep-alive", b"Upgrade: h2c", b"Trailer: X"),
    *(b"Host: other.test", b"Expect: 100-continue", b"Expect: x", b"Content_Length: 5", b"X: \xff\xfe", b"X:"),
    *(b"X-HTTP-Method-Override: PUT", b"Content-Encoding: gzip", b"Range: bytes=0-1", b"Date: x", b"Via: 1.1 x"),
)
METHODS = tuple(b"HEAD OPTIONS PUT DELETE TRACE PATCH CONNECT get M-SEARCH PRI X ".split(b" "))
TARGETS = tuple(b"/s /s/ /s//a /s/a?x=/../y /s/%00 /s/a;b=c /s/* /s/a%2f..%2fb /s/a? /s/[ /s/a??b#".split(b" "))
# Stands for the lines that authorise a request: they are changed as a whole, or not at all.
AUTHORITY = b"%AUTH%"
_MANY = re.compile(rb"%AUTH%[^%]{0,40}%AUTH%")

Change = Callable[[random.Random, bytes], bytes]


def fuzzed(seed: int, count: int) -> Iterator[Hostile]:
    """So many requests, the same for the same seed; one to three changes each."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    for number in range(count):
        name = f"fuzz-{seed}-{number}"
        raw = chance.choice(BASES)
        for _ in range(chance.randint(1, 3)):
            raw = chance.choice(CHANGES)(chance, raw)
        yield Hostile(name, (_MANY.sub(AUTHORITY, raw).replace(AUTHORITY, authority(name)),))


def _base(method: bytes, *lines: bytes, body: bytes = b"") -> bytes:
    head = [method + b" /s/a HTTP/1.1", b"Host: gw.test", b"X: y", *lines, b"Accept: x"]
    return b"\r\n".join(head) + b"\r\n" + AUTHORITY + b"\r\n" + body


_HIDDEN = canary("fuzz", has_key=False)
BASES = (
    _base(b"GET"),
    _base(b"POST", length(len(_HIDDEN)), body=_HIDDEN),
    _base(b"POST", CHUNKED, body=chunk(b"hello") + chunk(_HIDDEN) + b"0\r\n\r\n"),
    _base(b"POST", CHUNKED, b"Trailer: X", body=chunk(b"hello") + b"0\r\nX: y\r\n\r\n"),
)


def _delete(chance: random.Random, raw: bytes) -> bytes:
    place = _place(chance, raw)
    return raw[:place] + raw[place + 1 :]


def _replace(chance: random.Random, raw: bytes) -> bytes:
    place = _place(chance, raw)
    return raw[:place] + chance.choice(ONE_BYTE) + raw[place + 1 :]


def _insert(chance: random.Random, raw: bytes) -> bytes:
    place = _place(chance, raw)
    return raw[:place] + chance.choice((*SEPARATORS, *SEPARATORS, *ONE_BYTE)) + raw[place:]


def _double(chance: random.Random, raw: bytes) -> bytes:
    """Repeat a few bytes."""
    start = _place(chance, raw)
    end = start + chance.randint(1, 12)
    return raw[:end] + raw[start:end] + raw[end:]


def _replace_line(chance: random.Random, raw: bytes) -> bytes:
    lines = raw.split(b"\r\n")
    lines[chance.randrange(1, len(lines))] = chance.choice(LINES)
    return b"\r\n".join(lines)


def _insert_line(chance: random.Random, raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\r\n" + chance.choice(LINES) + b"\r\n", 1)


def _repeat_line(chance: random.Random, raw: bytes) -> bytes:
    lines = raw.split(b"\r\n")
    lines.insert(chance.randrange(1, len(lines)), chance.choice(lines[1:]))
    return b"\r\n".join(lines)


def _other_method(chance: random.Random, raw: bytes) -> bytes:
    return chance.choice(METHODS) + raw[raw.find(b" ") :]


def _other_target(chance: random.Random, raw: bytes) -> bytes:
    return raw.replace(b"/s/a", chance.choice(TARGETS), 1)


def _other_case(chance: random.Random, raw: bytes) -> bytes:
    """Swap the case of one field's name."""
    names = re.findall(rb"\n([A-Za-z-]+):", raw)
    name = chance.choice(names) if names else b""
    return raw.replace(name, name.swapcase(), 1)


def _twice(chance: random.Random, raw: bytes) -> bytes:
    """The request once more, perhaps cut."""
    return raw + raw[: chance.choice((len(raw), _place(chance, raw)))]


def _place(chance: random.Random, raw: bytes) -> int:
    return chance.randrange(len(raw))


CHANGES: tuple[Change, ...] = (
    *(_delete, _replace, _insert, _insert, _double, _replace_line, _insert_line, _insert_line, _repeat_line),
    *(_other_method, _other_target, _other_case, _twice),
)
