"""Generated answers of an upstream: the caller gets what was sent, or sees that something is wrong with it."""

from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from exeat.errors import GatewayError
from exeat.wire.body import BodyReader, response_reader
from exeat.wire.fields import split_field
from exeat.wire.http1 import ResponseHead, parse_response
from tests.support.messages import Field, Message, Reader
from tests.support.playbook import KEYED, Party, Stage, on_stage, plain
from tests.wire.answers import METHODS, answer_heads, mutated_answer_heads, odd_answer_heads
from tests.wire.chunked import Chunked, chunked_bodies, mutated_bodies, odd_bodies, take

POISON = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON"
SECOND = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond"
WRITTEN_HERE = frozenset(
    {b"content-length", b"transfer-encoding", b"connection", b"date", b"exeat-origin", b"exeat-request-id"}
)
EMPTY = Chunked(b"", b"", [])


@dataclass
class Given:
    """What an upstream's bytes are, when the connection has ended after them.

    `head` is None where it is refused or isn't whole; `is_whole` says that the body is complete, `rest` what follows.
    """

    interims: list[tuple[int, list[Field]]] = field(default_factory=list)
    head: ResponseHead | None = None
    content: bytes = b""
    trailers: list[Field] = field(default_factory=list)
    is_whole: bool = False
    rest: bytes = b""


def fields_of(head: ResponseHead) -> list[Field]:
    return [split_field(line) for line in head.fields if line]


def decide(method: bytes, raw: bytes) -> Given:
    """What the readers of `exeat.wire` make of an upstream's bytes, all at once."""
    made = Given()
    while (end := raw.find(b"\r\n\r\n")) >= 0:
        try:
            head = parse_response(raw[:end])
        except GatewayError:
            return made
        raw = raw[end + 4 :]
        if head.status == 101:
            return made
        if head.status >= 200:
            made.head = head
            read_body(made, response_reader(method, head.status, head.length, chunked=head.chunked), raw)
            return made
        made.interims.append((head.status, fields_of(head)))
    return made


def read_body(made: Given, reader: BodyReader, raw: bytes) -> None:
    with suppress(GatewayError):
        made.content = take(reader, raw)
        made.is_whole = reader.done or reader.close()
        made.trailers = [split_field(line) for line in reader.trailers]
        made.rest = reader.rest


@dataclass
class Heard:
    """What the caller heard of the first answer, and whether the gateway ended its connection."""

    interims: list[Message]
    final: Message | None
    partial: Message | None
    was_closed: bool
    has_new_connection: bool


def converse(method: bytes, pieces: list[bytes]) -> Heard:
    """An upstream answers with these pieces and ends; then the caller asks again, and hears the second answer."""
    with on_stage(plain()) as stage:
        caller = stage.caller()
        caller.says(f"{method.decode()} /api/ HTTP/1.1", "Host: gateway.test", KEYED, "TE: trailers")
        upstream = stage.upstream()
        for piece in pieces:
            upstream.sends(piece)
        before = caller.takes_raw()
        has_rest = not is_kept(stage)
        if has_rest:
            upstream.finishes()
        first = Reader("response", [method])
        first.feed(before + caller.takes_raw())
        assert first.rest == b"", "something follows the answer"
        was_closed = not caller.is_open
        if was_closed:
            caller = stage.caller()
        hears_the_second(stage, caller)
        finals = [message for message in first.whole if message.status >= 200]
        assert len(finals) <= 1
        interims = [message for message in first.whole if message.status < 200]
        return Heard(interims, finals[0] if finals else None, first.partial, was_closed, stage.dialled == 2)


def is_kept(stage: Stage) -> bool:
    """Whether the connection to the upstream waits for its next request."""
    return any(idle for _, idle, _ in stage.worker.pool.counts().values())


def hears_the_second(stage: Stage, caller: Party) -> None:
    """The next request is answered with its own answer, whatever was left of the first."""
    caller.says("GET /api/second HTTP/1.1", "Host: gateway.test", KEYED)
    stage.upstream(stage.dialled).sends(SECOND)
    reader = Reader("response", [b"GET"])
    reader.feed(caller.takes_raw())
    assert [message.body for message in reader.whole] == [b"second"]
    assert reader.rest == b""


def check(method: bytes, given_: Given, heard: Heard) -> None:
    """The caller heard what was given, or the gateway's 502, or an answer that visibly isn't whole."""
    passed = [(message.status, message.fields) for message in heard.interims]
    expected = [interim for interim in given_.interims if interim[0] != 100]
    assert passed == expected[: len(passed)]
    head = given_.head
    if heard.final is not None and heard.final.value(b"exeat-origin") == b"gateway":
        assert heard.final.status == 502
        assert head is None or not given_.is_whole
    elif head is None:
        raise AssertionError("an answer without a head was passed on")
    else:
        message = heard.final or heard.partial
        assert message is not None
        check_head(method, head, message)
        assert given_.is_whole is (heard.final is not None)
        assert passed == expected
        if heard.final is not None:
            assert (message.body, message.trailers) == (given_.content, given_.trailers)
        else:
            assert heard.was_closed
    if head is None or not given_.is_whole or given_.rest or not head.is_1_1:
        assert heard.has_new_connection, "a connection that saw something odd was used again"


def check_head(method: bytes, head: ResponseHead, message: Message) -> None:
    """Status, reason and end-to-end fields in their order are the upstream's, and so is a length that it declares."""
    assert message.start == b"HTTP/1.1 %d %b" % (head.status, head.reason)
    theirs = [pair for pair in fields_of(head) if pair[0].lower() not in WRITTEN_HERE]
    assert [pair for pair in message.fields if pair[0].lower() not in WRITTEN_HERE] == theirs
    if head.length is not None and head.status != 204:
        assert message.value(b"content-length") == b"%d" % head.length
    if method == b"HEAD" or head.status in {204, 304}:
        assert message.value(b"transfer-encoding") is None


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, Given]:
    """A valid final answer after interim ones, and what is in it."""
    raw, made = b"", Given()
    for _ in range(draw(st.integers(0, 2))):
        status, _, free, head = draw(answer_heads().filter(lambda made: made[0] < 200))
        raw += head + b"\r\n\r\n"
        made.interims.append((status, free))
    status, _, _, head = draw(answer_heads().filter(lambda made: made[0] >= 200))
    made.head = parse_response(head)
    body = EMPTY
    if made.head.chunked and status not in {204, 304}:
        body = draw(chunked_bodies())
    elif made.head.length != 0 and status not in {204, 304}:
        content = draw(st.binary(min_size=made.head.length or 0, max_size=made.head.length or 20))
        body = Chunked(content, content, [])
    made.content, made.trailers, made.is_whole = body.content, body.trailers, True
    return raw + head + b"\r\n\r\n" + body.raw, made


def cut(raw: bytes, places: list[int]) -> list[bytes]:
    marks = sorted({0, len(raw), *(place for place in places if place < len(raw))})
    return [raw[one:other] for one, other in pairwise(marks)]


places: SearchStrategy[list[int]] = st.lists(st.integers(1, 500), max_size=5)
bodies = st.binary(max_size=12) | st.just(b"hello" + POISON) | odd_bodies | mutated_bodies()


@settings(max_examples=100)
@given(method=st.sampled_from([b"GET", b"POST"]), made=answers(), places=places)
def test_a_valid_answer(method: bytes, made: tuple[bytes, Given], places: list[int]) -> None:
    """Status, reason, fields, content, trailers and interim answers come to the caller as they were sent."""
    raw, truth = made
    decided = decide(method, raw)
    assert (decided.interims, decided.content, decided.trailers, decided.is_whole, decided.rest) == (
        *(truth.interims, truth.content, truth.trailers, True, b""),
    )
    for pieces in ([raw], cut(raw, places), [raw[place : place + 1] for place in range(len(raw))]):
        heard = converse(method, pieces)
        assert heard.final is not None
        assert heard.final.value(b"exeat-origin") == b"upstream"
        check(method, decided, heard)


@settings(max_examples=200)
@given(
    method=st.sampled_from(METHODS),
    head=answer_heads().map(lambda made: made[3]) | odd_answer_heads | mutated_answer_heads(),
    body=bodies,
    places=places,
)
@example(method=b"HEAD", head=b"HTTP/1.1 200 OK\r\nContent-Length: 5", body=b"hello", places=[])
@example(method=b"GET", head=b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5", body=b"hello", places=[])
@example(
    method=b"GET", head=b"HTTP/1.1 200 OK\r\nConnection: connection, close\r\nContent-Length: 0", body=b"", places=[]
)
def test_an_odd_answer(method: bytes, head: bytes, body: bytes, places: list[int]) -> None:
    """An odd answer comes through as what it is, becomes 502, or is visibly cut off; the next answer is its own."""
    raw = head + b"\r\n\r\n" + body
    for pieces in ([raw], cut(raw, places)):
        check(method, decide(method, raw), converse(method, pieces))


@pytest.mark.parametrize(
    ("end", "is_whole"),
    [
        *((b"0\r\n\r\n", True), (b"0\r\nX: y\r\n\r\n", True), (b"0\r\n\r\n" + POISON, True)),
        *((b"0\r\n\n", False), (b"x\r\n", False), (b"1\r\naX", False), (b"", False)),
    ],
)
@pytest.mark.parametrize("count", [1023, 1024, 1025, 5000])
def test_an_answer_of_very_many_chunks(count: int, end: bytes, is_whole: bool) -> None:  # noqa: FBT001 - parametrized
    """An answer that is read in several turns comes through whole, or is visibly cut off where it breaks."""
    raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * count + end
    for pieces in ([raw], cut(raw, [60]), cut(raw, [3000, 6100])):
        heard = converse(b"GET", pieces)
        check(b"GET", decide(b"GET", raw), heard)
        assert (heard.final is not None and heard.final.status == 200) is is_whole
