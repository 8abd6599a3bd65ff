"""The last events of an event stream: which they are, however it is cut into chunks, and how much of it is kept."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.wire.event_stream import MOST_BYTES, MOST_EVENTS, EventTail, last_event

PIECES = st.lists(
    st.sampled_from(
        [b"data", b"data:", b"data: ", b": ", b":", b"\n", b"\r", b"\r\n", b"\n\n", b"\r\n\r\n", b"event: x", b"id: 1",
         b"a", b" ", b"{}", b"[DONE]", b"datax: y", b"\xef\xbb\xbf", b"\x00", b"\xff", b"retry: 5", b"\x0b", b"\x85"]
    ),
    max_size=40,
)  # fmt: skip


def events(stream: bytes) -> list[bytes]:
    """The data of all events, by the rules of the standard taken literally, one byte after the other."""
    if stream.startswith(b"\xef\xbb\xbf"):
        stream = stream[3:]
    found, data, line, at = [], b"", b"", 0
    while at < len(stream):
        octet = stream[at : at + 1]
        at += 1
        if octet not in {b"\r", b"\n"}:
            line += octet
            continue
        if octet == b"\r" and stream[at : at + 1] == b"\n":
            at += 1
        if line == b"":
            if data:
                found.append(data[:-1])
            data = b""
        elif b":" in line:
            name, value = line.split(b":", 1)
            if name == b"data":
                data += (value[1:] if value[:1] == b" " else value) + b"\n"
        elif line == b"data":
            data += b"\n"
        line = b""
    return found


def newest(*chunks: bytes) -> list[bytes | None]:
    tail = EventTail()
    for chunk in chunks:
        tail.feed(chunk)
    return list(tail.newest())


@pytest.mark.parametrize(
    ("stream", "data"),
    [
        (b"", None),
        (b"data: a\n\n", b"a"),
        (b"data: a\n\ndata: b\n\n", b"b"),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", b"b"),
        (b"data: a\r\rdata: b\r\r", b"b"),
        (b"data: a\r\n\n", b"a"),
        (b"data: a\n\r\n", b"a"),
        (b"data: a\r\n", None),
        (b"data: a\n\ndata: [DONE]\n\n", b"a"),
        (b"data:a\n\ndata:[DONE]\n\n", b"a"),
        (b"data: [DONE]\n\n", None),
        (b"data: {\ndata:  1\ndata: }\n\n", b"{\n 1\n}"),
        (b"event: usage\nid: 7\ndata: a\nretry: 1\n\n", b"a"),
        (b"data: a\n\n: still here\n\nevent: ping\n\n", b"a"),
        (b"\xef\xbb\xbfdata: a\n\n", b"a"),
        (b"data\n\n", b""),
        (b"Data: a\n\n", None),
        (b"data : a\n\n", None),
        # The stream breaks off before the event ends.
        (b"data: a\n\ndata: b\n", b"a"),
        (b"data: a\n\ndata: b", b"a"),
        (b"data: a\n", None),
    ],
)
def test_the_last_event(stream: bytes, data: bytes | None) -> None:
    """The data of the last event that is complete and isn't `[DONE]`, also where it has several lines."""
    assert last_event(stream) == data
    tail = EventTail()
    for octet in stream:
        tail.feed(bytes([octet]))
        tail.newest()
    assert next(tail.newest(), None) == data


@given(PIECES)
def test_as_the_standard_says(pieces: list[bytes]) -> None:
    """The newest events are the last ones that a literal reading of the standard gives, without `[DONE]`."""
    stream = b"".join(pieces)
    expected = [event for event in events(stream) if event != b"[DONE]"]
    assert newest(stream) == expected[::-1][:MOST_EVENTS]
    assert last_event(stream) == (expected[-1] if expected else None)


@given(PIECES, st.booleans())
def test_chunks_change_nothing(pieces: list[bytes], looks: bool) -> None:  # noqa: FBT001
    """A stream fed in pieces, or byte by byte, has the same newest events, also if one looks in between."""
    stream = b"".join(pieces)
    tail, slow = EventTail(), EventTail()
    for piece in pieces:
        tail.feed(piece)
    for octet in stream:
        slow.feed(bytes([octet]))
        if looks:
            slow.newest()
    assert list(tail.newest()) == list(slow.newest()) == newest(stream)


@pytest.mark.parametrize("size", [1, 7, 1000, 16_384, 100_000])
def test_long_streams(size: int) -> None:
    """Of a stream of megabytes, the last few events are there, however large its chunks are."""
    data = [b"%d %s" % (n, b"x" * (n % 977)) for n in range(2000)]
    stream = b"".join(b"event: e\r\ndata: " + one + b"\r\n\r\n" for one in data) + b"data: [DONE]\n\n"
    if size == 1:
        stream = stream[-50_000:]
    chunks = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert newest(*chunks) == data[: -MOST_EVENTS - 1 : -1]


@pytest.mark.parametrize("size", [1000, 16_384, 1 << 20])
@pytest.mark.parametrize("lines", [1, 2, 1000])
def test_what_is_too_long_is_given_up(size: int, lines: int) -> None:
    """An event of more than the limit is there as None, and those after it are as ever."""

    def parts(stream: bytes) -> list[bytes]:
        return [stream[at : at + size] for at in range(0, len(stream), size)]

    def event(length: int) -> bytes:
        line = b"data: " + b"x" * (length // lines) + b"\n"
        return line * lines + b"\n"

    small, large = event(MOST_BYTES - 2 * lines), event(MOST_BYTES + lines)
    fits = b"\n".join([b"x" * ((MOST_BYTES - 2 * lines) // lines)] * lines)
    assert newest(*parts(small)) == [fits]
    assert newest(*parts(b"data: a\n\n" + large)) == [None, b"a"]
    assert last_event(large) is None
    assert newest(*parts(large + b"data: b\n\n")) == [b"b", None]


def test_older_events_make_room() -> None:
    """Of the last events, only as many are kept as fit together."""
    large = [letter * 100_000 for letter in (b"a", b"b", b"c")]
    assert newest(*(b"data: " + one + b"\n\n" for one in large)) == [large[2], large[1]]


def test_other_lines_may_be_long() -> None:
    """A long comment, or a field that isn't data, takes nothing from an event."""
    for line in b": " + b"x" * 2 * MOST_BYTES, b"event: " + b"x" * 2 * MOST_BYTES, b"x" * 2 * MOST_BYTES:
        stream = b"data: a\n" + line + b"\ndata: b\n\n"
        assert newest(*(stream[at : at + 4000] for at in range(0, len(stream), 4000))) == [b"a\nb"]


@pytest.mark.parametrize(
    "piece",
    [b"data: " + b"x" * 10_000 + b"\n", b"x" * 10_000, b"data: " + b"x" * 200_000 + b"\n\n", b"data:\n" * 100],
)
def test_little_is_kept(piece: bytes) -> None:
    """However much is fed, what is kept stays bounded."""
    tracemalloc.start()
    try:
        tail = EventTail()
        for _ in range(300):
            tail.feed(piece)
            assert tracemalloc.get_traced_memory()[0] < 2 * MOST_BYTES + 100_000 + len(piece)
    finally:
        tracemalloc.stop()
