"""Bodies: where they end is the same however their bytes arrive, and bad framing is refused."""

import time
from collections.abc import Callable, Iterator
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import Code, GatewayError
from exeat.wire.body import (
    CHUNK_LINE_LIMIT_BYTES,
    EXTENSIONS_LIMIT_BYTES,
    TRAILER_LIMIT_BYTES,
    BodyReader,
    ChunkedBody,
    CloseBody,
    LengthBody,
    NoBody,
    reader_of,
    render_chunk,
    render_last_chunk,
    response_reader,
)

Make = Callable[[], BodyReader]
NEXT = b"GET /next HTTP/1.1\r\n"


def feed(reader: BodyReader, pieces: list[bytes]) -> tuple[bytes, bytes]:
    """Give pieces to a reader until it is done; the content, and what is left over."""
    content = b""
    for place, piece in enumerate(pieces):
        content += reader.feed(piece)
        while reader.has_more:
            content += reader.feed(b"")
        if reader.done:
            return content, reader.rest + b"".join(pieces[place + 1 :])
    return content, b""


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """Data whole, byte by byte, cut at every place, and where it is short at every pair of places."""
    yield [data]
    yield [data[place : place + 1] for place in range(len(data))]
    for place in range(1, len(data)):
        yield [data[:place], data[place:]]
    if len(data) <= 60:
        for one, other in combinations(range(1, len(data)), 2):
            yield [data[:one], data[one:other], data[other:]]


CHUNKED: list[tuple[bytes, bytes, list[bytes]]] = [
    (b"0\r\n\r\n", b"", []),
    (b"5\r\nhello\r\n0\r\n\r\n", b"hello", []),
    (b"1\r\na\r\n00000001\r\nb\r\n0\r\n\r\n", b"ab", []),
    (b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", b"01234567890123456789", []),
    (b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n", []),
    (b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n", []),
    (b"2;a\r\nab\r\n0;b=c\r\n\r\n", b"ab", []),
    (b'2 ; a = "b;\\"\t" ;c\r\nab\r\n0\r\n\r\n', b"ab", []),
    (b"2\r\nab\r\n0\r\nX-A: 1\r\nX-A:2 \r\n\r\n", b"ab", [b"X-A: 1\r\n", b"X-A: 2\r\n"]),
    (b"0\r\nHost: a\r\nAUTHORIZATION: b\r\nExeat_Key: c\r\nX: d\r\n\r\n", b"", [b"X: d\r\n"]),
    (
        b"0\r\nContent_Length: 1\r\nX-Forwarded-Host: a\r\nx_forwarded_for: b\r\nExeats: d\r\n\r\n",
        b"",
        [b"Exeats: d\r\n"],
    ),
]


@pytest.mark.parametrize(("data", "content", "trailers"), CHUNKED)
def test_a_chunked_body_in_any_pieces(data: bytes, content: bytes, trailers: list[bytes]) -> None:
    """Content, trailers and the place where the body ends don't depend on how the bytes were cut."""
    for rest in (b"", NEXT):
        for pieces in cuts(data + rest):
            reader = ChunkedBody()
            assert feed(reader, pieces) == (content, rest)
            assert reader.done
            assert reader.trailers == trailers
            assert reader.close()


@pytest.mark.parametrize(("data", "content", "trailers"), CHUNKED)
def test_a_chunked_body_that_is_cut_short(data: bytes, content: bytes, trailers: list[bytes]) -> None:
    """A body that lacks its last byte isn't complete, and what came of it is a beginning of it."""
    assert trailers is not None
    for end in range(len(data)):
        reader = ChunkedBody()
        assert content.startswith(reader.feed(data[:end]))
        assert not reader.done
        assert not reader.close()


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n",
        b"x\r\n",
        b"5 \r\nhello\r\n",
        b" 5\r\nhello\r\n",
        b"+5\r\nhello\r\n",
        b"-1\r\n",
        b"0x5\r\nhello\r\n",
        b"5_0\r\n",
        b"5.\r\n",
        b"\xb2\r\n",
        b"123456789\r\n",
        b"0" * 17 + b"\r\n\r\n",
        b"5\nhello\r\n",
        b"5\rhello\r\n",
        b"5;\r\nhello\r\n",
        b"5;a=\r\nhello\r\n",
        b'5;a="b\r\nhello\r\n',
        b"5;a\x00\r\nhello\r\n",
        b"5;a\nb\r\nhello\r\n",
        b"5,a\r\nhello\r\n",
        b"5\r\nhelloX\r\n",
        b"5\r\nhello0\r\n\r\n",
        b"5\r\nhello\n0\r\n\r\n",
        b"5\r\nhello\r0\r\n\r\n",
        b"5\r\nhelloXX0\r\n\r\n",
        b"5\r\nhelloX\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\n\n",
        b"5\r\nhello\r\n0\n\r\n",
        b"0\r\nX A: 1\r\n\r\n",
        b"0\r\nX : 1\r\n\r\n",
        b"0\r\nX: 1\n\r\n",
        b"0\r\nX: 1\x00\r\n\r\n",
        b"0\r\n folded: 1\r\n\r\n",
        b"0\r\n: 1\r\n\r\n",
        b"0\r\nno colon\r\n\r\n",
        b";" * (CHUNK_LINE_LIMIT_BYTES + 2),
        b"5;a=" + b"b" * CHUNK_LINE_LIMIT_BYTES + b"\r\n",
        b"0\r\nX: " + b"a" * TRAILER_LIMIT_BYTES + b"\r\n\r\n",
    ],
)
def test_bad_chunked_framing_in_any_pieces(data: bytes) -> None:
    """Framing that breaks the grammar (RFC 9112 §7.1) is refused, wherever it was cut, and never completes."""
    for pieces in cuts(data):
        reader = ChunkedBody()
        with pytest.raises(GatewayError) as caught:
            feed(reader, [*pieces, b"\r\n\r\n"])
        assert caught.value.code is Code.MALFORMED_REQUEST
        assert caught.value.closes
        assert not reader.done


@given(
    contents=st.lists(st.binary(min_size=1, max_size=50), max_size=6),
    places=st.lists(st.integers(0, 400), max_size=8),
    trailers=st.lists(st.sampled_from([b"X-A: 1\r\n", b"X-B: 2\r\n"]), max_size=2),
    rest=st.binary(max_size=20),
)
def test_what_is_written_is_read(contents: list[bytes], places: list[int], trailers: list[bytes], rest: bytes) -> None:
    """A chunked body that was written is read as the same content and trailers, however it is cut."""
    data = b"".join(map(render_chunk, contents)) + render_last_chunk(trailers) + rest
    marks = sorted({0, len(data), *(place for place in places if place < len(data))})
    reader = ChunkedBody()
    content, left = feed(reader, [data[one:other] for one, other in pairwise(marks)])
    assert (content, left, reader.trailers) == (b"".join(contents), rest, trailers)


@given(data=st.binary(max_size=200), places=st.lists(st.integers(1, 200), max_size=5))
def test_any_bytes_as_a_chunked_body(data: bytes, places: list[int]) -> None:
    """Any bytes are content or refused, and cutting them changes nothing of that."""
    marks = sorted({0, len(data), *(place for place in places if place < len(data))})

    def outcome(pieces: list[bytes]) -> tuple[bytes, bytes, bool] | None:
        reader = ChunkedBody()
        try:
            return *feed(reader, pieces), reader.done
        except GatewayError:
            return None

    assert outcome([data]) == outcome([data[one:other] for one, other in pairwise(marks)])


@pytest.mark.parametrize("more", [0, 1], ids=["at the limit", "over it"])
@pytest.mark.parametrize(
    ("start", "end", "limit"),
    [(b"5;a=", b"\r\nhello\r\n0\r\n\r\n", CHUNK_LINE_LIMIT_BYTES), (b"0\r\nX: ", b"\r\n\r\n", TRAILER_LIMIT_BYTES + 1)],
    ids=["a chunk's first line", "the trailer section"],
)
def test_lines_at_their_limit_in_any_pieces(start: bytes, end: bytes, limit: int, more: int) -> None:
    """A line that just fits is read, and one byte more is refused, wherever it is cut: between its CR and LF too."""
    raw = start + b"b" * (limit - len(start) + more) + end
    ends = range(len(raw) - len(end), len(raw))
    for pieces in ([raw], *([raw[:place], raw[place:]] for place in ends), [bytes([byte]) for byte in raw]):
        reader = ChunkedBody()
        if more:
            with pytest.raises(GatewayError, match="too long"):
                feed(reader, pieces)
        else:
            feed(reader, pieces)
            assert reader.done


def test_extensions_are_bounded_as_a_whole() -> None:
    """Extensions of all chunks together have a limit (CVE-2023-39326)."""
    count = EXTENSIONS_LIMIT_BYTES // 200 + 1
    with pytest.raises(GatewayError, match="extensions"):
        feed(ChunkedBody(), [b"1;a=" + b"b" * 200 + b"\r\nx\r\n"] * count)


def test_trailers_are_bounded_as_a_whole() -> None:
    """All trailers together have a limit, though each is short."""
    with pytest.raises(GatewayError, match="trailer section"):
        feed(ChunkedBody(), [b"0\r\n", *[b"X-A: " + b"b" * 100 + b"\r\n"] * (TRAILER_LIMIT_BYTES // 100)])


@pytest.mark.parametrize(
    "data",
    [
        b"0\r\nX:" + b" " * 4000 + b"\x01\r\n\r\n",
        b"0\r\n" + b"a" * 4000 + b"\r\n\r\n",
        b"5" + b" ;" * 120 + b"\r\n",
        b'5;a="' + b"\\" * 240 + b"\r\n",
        b"5;a" + b" " * 240 + b"\r\n",
        b"1\r\na\r\n" * 5_000 + b"x",
    ],
    ids=range(6),
)
def test_no_framing_takes_long(data: bytes) -> None:
    """The costliest framing that fits the limits is judged in a few milliseconds (the best of three is taken)."""
    times = []
    for _ in range(3):
        began = time.perf_counter()
        with pytest.raises(GatewayError):
            feed(ChunkedBody(), [data + b"\r\n\r\n"])
        times.append(time.perf_counter() - began)
    assert min(times) < 0.03


@given(length=st.integers(0, 30), data=st.binary(max_size=40))
def test_a_body_of_a_length_in_any_pieces(length: int, data: bytes) -> None:
    """So many bytes are content, and what follows isn't."""
    for pieces in cuts(data):
        reader = LengthBody(length)
        if not length:
            assert reader.done
            continue
        assert feed(reader, pieces) == (data[:length], data[length:])
        assert reader.done is (len(data) >= length)
        assert reader.close() is reader.done


@given(data=st.binary(max_size=40))
def test_a_body_that_ends_with_its_connection(data: bytes) -> None:
    """Everything is content, and the end completes it."""
    for pieces in cuts(data):
        reader = CloseBody()
        assert feed(reader, pieces) == (data, b"")
        assert not reader.done
        assert reader.close()
        assert reader.done


def test_no_body() -> None:
    """Where there is no body, everything is what follows."""
    reader = NoBody()
    assert reader.done
    assert reader.feed(NEXT) == b""
    assert reader.rest == NEXT
    assert reader.close()


@pytest.mark.parametrize(
    ("length", "chunked", "kind"),
    [(None, False, NoBody), (0, False, NoBody), (1, False, LengthBody), (None, True, ChunkedBody)],
)
def test_the_reader_of_a_request(length: int | None, chunked: bool, kind: type) -> None:  # noqa: FBT001
    """A request without framing has no body (RFC 9112 §6.3 case 7)."""
    assert type(reader_of(length, chunked=chunked)) is kind


@pytest.mark.parametrize(
    ("method", "status", "length", "chunked", "kind"),
    [
        (b"GET", 200, None, False, CloseBody),
        (b"GET", 200, 5, False, LengthBody),
        (b"GET", 200, 0, False, LengthBody),
        (b"GET", 200, None, True, ChunkedBody),
        (b"HEAD", 200, 5, False, NoBody),
        (b"HEAD", 200, None, True, NoBody),
        (b"GET", 204, 5, False, NoBody),
        (b"GET", 304, 5, False, NoBody),
        (b"GET", 304, None, True, NoBody),
        (b"head", 200, 5, False, LengthBody),
    ],
)
def test_the_reader_of_a_response(
    method: bytes,
    status: int,
    length: int | None,
    chunked: bool,  # noqa: FBT001 - parametrized
    kind: type,
) -> None:
    """Method and status come before any field (RFC 9112 §6.3)."""
    assert type(response_reader(method, status, length, chunked=chunked)) is kind
