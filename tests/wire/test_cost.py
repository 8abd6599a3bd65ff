"""What the readers cost: time in proportion to what comes, however it comes, and memory within the limits.

Times are of this thread's processor alone, the best of a few tries. Bounds are generous: four times the input may cost
nine times as much, where the square would cost sixteen times.
"""

import re
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import product

import pytest

from exeat.errors import GatewayError
from exeat.model.limits import DEFAULT
from exeat.wire import body, fields, http1, structured, target
from exeat.wire.body import (
    CHUNK_LINE_LIMIT_BYTES,
    EXTENSIONS_LIMIT_BYTES,
    TRAILER_LIMIT_BYTES,
    BodyReader,
    ChunkedBody,
    CloseBody,
    LengthBody,
)
from exeat.wire.fields import LINE_LIMIT_BYTES, LINES_LIMIT, REQUEST, FieldTable
from exeat.wire.http1 import check_partial, parse_request, parse_response
from tests.wire.chunked import take
from tests.wire.test_fields import reachable

Run = Callable[[bytes], object]
HEAD = b"POST / HTTP/1.1\r\nHost: a\r\n"


def cost_s(run: Callable[[], object], tries: int = 5) -> float:
    """The processor time of a run, the best of a few."""
    times = []
    for _ in range(tries):
        began = time.thread_time()
        run()
        times.append(time.thread_time() - began)
    return min(times)


def bytewise(raw: bytes) -> Iterator[bytes]:
    return (raw[place : place + 1] for place in range(len(raw)))


def fed_whole(raw: bytes) -> ChunkedBody:
    reader = ChunkedBody()
    take(reader, raw)
    return reader


def fed_bytewise(raw: bytes) -> ChunkedBody:
    reader = ChunkedBody()
    for piece in bytewise(raw):
        reader.feed(piece)
    return reader


def fed_in_chunks_and_a_bit(raw: bytes) -> ChunkedBody:
    """In large reads, each of which ends within the first line of a chunk."""
    reader = ChunkedBody()
    for at in range(0, len(raw), 4099):
        take(reader, raw[at : at + 4099])
    return reader


def judged_as_it_comes(raw: bytes) -> None:
    """As a connection judges a head that comes byte by byte."""
    for place in range(len(raw)):
        check_partial(raw[:place], place - 1)


def parsed(raw: bytes) -> None:
    for read in (parse_request, parse_response):
        with suppress(GatewayError):
            read(raw)


CASES: list[tuple[str, Run, Callable[[int], bytes], int]] = [
    ("chunks of a byte", fed_whole, lambda n: b"1\r\na\r\n" * n, 1500),
    ("chunks of a byte, byte by byte", fed_bytewise, lambda n: b"1\r\na\r\n" * n, 500),
    ("chunks of a byte, cut in their lines", fed_in_chunks_and_a_bit, lambda n: b"1\r\na\r\n" * n, 1500),
    ("size lines, byte by byte", fed_bytewise, lambda n: (b"0" * 7 + b"1\r\na\r\n") * n, 250),
    ("one chunk, byte by byte", fed_bytewise, lambda n: b"fffff\r\n" + b"a" * n, 2000),
    ("a head, byte by byte", judged_as_it_comes, lambda n: HEAD + b"X-Field: some value\r\n" * n, 60),
    ("many fields", parsed, lambda n: HEAD + b"\r\n".join(b"X-%d: y" % place for place in range(n)), 20),
    ("a line that is wrong at its end", parsed, lambda n: HEAD + b"X: " + b"a " * n + b"\x01", 20_000),
    ("white space", parsed, lambda n: HEAD + b"X:" + b" " * n + b"\x01", 40_000),
    ("a long Connection", parsed, lambda n: HEAD + b"Connection: " + b"a," * n + b"\r\nX: y" * 50, 1500),
    ("a list in many lines", parsed, lambda n: HEAD + b"\r\n".join([b"Via: 1.1 a"] * n), 24),
    ("a long status line", parsed, lambda n: b"HTTP/1.1 200 " + b" " * n + b"\x01", 40_000),
]


@pytest.mark.parametrize(("run", "make", "size"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_cost_grows_with_the_input(run: Run, make: Callable[[int], bytes], size: int) -> None:
    """Four times the input costs about four times as much, not its square."""
    small, large = make(size), make(size * 4)
    assert cost_s(lambda: run(large)) < 9 * cost_s(lambda: run(small)) + 0.0005


def test_the_costliest_chunked_framing() -> None:
    """Extensions and trailers to their limits, byte by byte: bounded, since lines and sections are."""
    line = b"1" + b" ;a=b" * ((CHUNK_LINE_LIMIT_BYTES - 1) // 5) + b"\r\nx\r\n"
    lines = line * (EXTENSIONS_LIMIT_BYTES // len(line))
    assert cost_s(lambda: fed_bytewise(lines + b"0\r\nX: " + b"y" * (TRAILER_LIMIT_BYTES - 10)), 3) < 0.25


def test_the_costliest_request_line() -> None:
    """A request line of full length, byte by byte: each byte costs a look for the line's end, in no more than 8 KiB."""
    assert cost_s(lambda: judged_as_it_comes(b"GET /" + b"x" * (DEFAULT.line_bytes - 5)), 3) < 0.25


# Every pattern of the readers, and how it is used.
PATTERNS = {
    **{
        f"{module.__name__}.{name}": (value, "search" if name in {"BARE", "_CONTROL", "_DOTS"} else "fullmatch")
        for module in (body, fields, http1, structured, target)
        for name, value in vars(module).items()
        if isinstance(value, re.Pattern)
    }
}
STARTS = ("", "5", '5;a="', "a:", "http://", "http://a/", "http://a?", "/", "HTTP/1.1 200 ", "GET ", "[")
UNITS = (
    *("a", "0", " ", "\t", ",", ";", ":", "=", '"', "\\", "/", ".", "%", "-", "[", "?", "#", "@", "\r", "\n", "\r\n"),
    *("\x00", "\xe9", " ;a", ";a=b", ';a="b"', "a,", "/.", "%2f", "%2e", "..", '\\"', "a:", ".a", "a/", "; ", "= "),
)  # fmt: skip
ENDS = ("", "\x01", "#", "\n", '"', "!", " ", "@")


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_runs_away(name: str) -> None:
    """No pattern needs more than a moment for 4 000 bytes that almost match, whatever they repeat."""
    pattern, use = PATTERNS[name]
    run = getattr(pattern, use)
    for start, unit, end in product(STARTS, UNITS, ENDS):
        text = start + unit * (4000 // len(unit)) + end
        raw = text.encode("latin-1") if isinstance(pattern.pattern, bytes) else text
        began = time.thread_time()
        run(raw)
        if time.thread_time() - began > 0.005:
            assert cost_s(lambda raw=raw: run(raw), 2) < 0.02, (start, unit, end)  # type: ignore[misc]  # a default that binds


def kept_by(reader: BodyReader) -> int:
    """The bytes that a reader keeps between reads."""
    return sum(map(sys.getsizeof, reachable(reader)))


@pytest.mark.parametrize(
    "raw",
    [
        b"1\r\na\r\n" * 5000,
        b"fffff\r\n" + b"a" * 100_000,
        (b"1;a=" + b"b" * 200 + b"\r\nx\r\n") * 75,
        b"5" + b";a" * (CHUNK_LINE_LIMIT_BYTES // 2 - 1),
        b"0\r\n" + b"X: y\r\n" * (TRAILER_LIMIT_BYTES // 6),
        b"0\r\n" + b"a:\r\n" * (TRAILER_LIMIT_BYTES // 4),
        b"0\r\nX: " + b"y" * (TRAILER_LIMIT_BYTES - 5),
    ],
    ids=["chunks", "a chunk", "extensions", "a line", "trailers", "short trailers", "a trailer"],
)
@pytest.mark.parametrize("size", [7, 777, 1 << 20])
def test_a_reader_keeps_little(raw: bytes, size: int) -> None:
    """Between two reads a reader keeps no content, and of framing no more than a line or the trailer section."""
    reader = ChunkedBody()
    most = 0
    for at in range(0, len(raw), size):
        take(reader, raw[at : at + size])
        most = max(most, kept_by(reader))
    assert most < 20 * TRAILER_LIMIT_BYTES
    if not reader.trailers and size < 1 << 20:
        assert most < TRAILER_LIMIT_BYTES + 1024


@pytest.mark.parametrize("reader", [LengthBody(1 << 40), CloseBody()], ids=["length", "close"])
def test_the_other_readers_keep_nothing(reader: BodyReader) -> None:
    """A megabyte goes through, and nothing of it stays."""
    before = kept_by(reader)
    for _ in range(1024):
        reader.feed(bytes(1024))
    assert kept_by(reader) <= before + 16


def test_a_table_keeps_little() -> None:
    """A table of lines keeps no more than its count of short lines, whatever comes and however often."""
    table = FieldTable(REQUEST, {})
    tracemalloc.start()
    for number in range(LINES_LIMIT * 3):
        table.read([b"X-%d: %b" % (number, b"x" * (LINE_LIMIT_BYTES - 20)), b"Via: %d" % number])
        table.read([b"X-%d: %b" % (number, b"x" * LINE_LIMIT_BYTES * 2)])
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < LINES_LIMIT * (2 * LINE_LIMIT_BYTES + 600)


def test_a_head_in_parts_is_bounded() -> None:
    """A head that never ends is refused as soon as it is larger than it may be, and a request line before that."""
    line = DEFAULT.line_bytes
    check_partial(b"x" * line + b"\r")
    check_partial(HEAD + b"x" * (DEFAULT.head_bytes - len(HEAD)) + b"\r\n\r")
    for data in (b"x" * (line + 1), b"x" * line + b"x\r", HEAD + b"x" * (DEFAULT.head_bytes - len(HEAD) + 4)):
        with pytest.raises(GatewayError):
            check_partial(data)
