"""h11 as a second opinion on chunked bodies: the two differ only where differences.py says so."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.errors import GatewayError
from exeat.wire.body import ChunkedBody
from exeat.wire.fields import NOT_IN_TRAILERS, split_field
from tests.wire.chunked import Chunked, chunked_bodies, mutated_bodies, odd_bodies, small_bodies, take
from tests.wire.differences import CHUNKED
from tests.wire.mutations import with_every_byte
from tests.wire.oracle import Ended, chunked_by_h11
from tests.wire.test_oracle import falls_under

NEXT = b"GET /next HTTP/1.1\r\nHost: a\r\n\r\n"


def chunked_here(pieces: Iterable[bytes]) -> Ended | bytes | None:
    """The chunked body that begins these pieces; its content so far if it has no end; None if it is refused."""
    reader = ChunkedBody()
    content = b""
    left = iter(pieces)
    for piece in left:
        try:
            content += take(reader, piece)
        except GatewayError:
            assert not reader.done
            return None
        if reader.done:
            return Ended(content, [split_field(line) for line in reader.trailers], reader.rest + b"".join(left))
    return content


def bytewise(raw: bytes) -> Iterator[bytes]:
    return (raw[place : place + 1] for place in range(len(raw)))


def in_two(raw: bytes) -> Iterator[list[bytes]]:
    return ([raw[:place], raw[place:]] for place in range(1, len(raw)))


def may_be_a_trailer(name: bytes) -> bool:
    dashed = name.lower().replace(b"_", b"-")
    return dashed not in NOT_IN_TRAILERS and not dashed.startswith((b"exeat-", b"x-forwarded-"))


def compare(raw: bytes) -> None:
    """The same end, content and trailers; or both refuse, or a listed rule says why only one does."""
    ours, theirs = chunked_here([raw]), chunked_by_h11(raw)
    if isinstance(ours, Ended) and isinstance(theirs, Ended):
        kept = [field for field in theirs.trailers if may_be_a_trailer(field[0])]
        assert ours == Ended(theirs.content, kept, theirs.rest)
    elif isinstance(ours, bytes) and isinstance(theirs, bytes):
        assert ours == theirs
    elif isinstance(theirs, bytes):
        # h11 would wait for more. Where it waits for an LF, or for CRLF after more than fits a line, nothing that may
        # still come can make it right: it is refused here at once.
        assert ours is None
        assert chunked_by_h11(raw + b"\r\n\r\n\r\n") is None or falls_under(
            CHUNKED, raw + b"\r\n\r\n\r\n", accepted=False
        )
    else:
        assert (ours is None and theirs is None) or falls_under(CHUNKED, raw, accepted=ours is not None)


@settings(max_examples=500)
@given(raw=odd_bodies)
def test_odd_bodies(raw: bytes) -> None:
    """An odd body ends at the same place for both, or is refused by both, or differs for a listed reason."""
    compare(raw)


@settings(max_examples=300)
@given(raw=mutated_bodies() | small_bodies)
def test_mutated_bodies(raw: bytes) -> None:
    """The same holds for valid bodies in which one byte has changed."""
    compare(raw)


def test_every_byte_in_every_place() -> None:
    """The same holds for a body in which any byte stands in the place of another, or between two, or is left out."""
    body = b'3;a="b"\r\nabc\r\n0\r\nX: y\r\n\r\n'
    for raw in with_every_byte(body, range(256)):
        compare(raw)


@given(made=chunked_bodies(), rest=st.sampled_from([b"", NEXT, b"\r\n", b"0\r\n\r\n"]))
def test_valid_bodies(made: Chunked, rest: bytes) -> None:
    """A valid body is what it was made of, whole, byte by byte and cut in two at every place; h11 agrees."""
    expected = Ended(made.content, made.trailers, rest)
    raw = made.raw + rest
    assert chunked_here([raw]) == chunked_here(bytewise(raw)) == expected
    assert all(chunked_here(pieces) == expected for pieces in in_two(raw))
    compare(raw)


@settings(max_examples=150)
@given(raw=odd_bodies | mutated_bodies() | small_bodies, places=st.lists(st.integers(1, 200), max_size=6))
def test_no_cut_changes_what_a_body_is(raw: bytes, places: list[int]) -> None:
    """Content, end, trailers and what follows, or that it is refused, are the same however the bytes were cut."""
    whole = chunked_here([raw])
    marks = sorted({0, len(raw), *(place for place in places if place < len(raw))})
    assert chunked_here(bytewise(raw)) == whole
    assert chunked_here([raw[one:other] for one, other in pairwise(marks)]) == whole
    assert all(chunked_here(pieces) == whole for pieces in in_two(raw))
