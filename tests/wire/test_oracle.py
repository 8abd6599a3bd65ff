"""h11 as a second opinion on heads and on where bodies end: the two differ only where differences.py says so."""

from collections.abc import Container, Iterable

import h11
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exeat.errors import GatewayError
from exeat.wire.body import response_reader
from exeat.wire.fields import REQUEST, RESPONSE, split_field
from exeat.wire.http1 import RequestHead, ResponseHead, parse_request, parse_response
from tests.wire.answers import METHODS, answer_heads, mutated_answer_heads, odd_answer_heads
from tests.wire.chunked import odd_bodies, take
from tests.wire.differences import ANSWERS, REQUESTS, Rule
from tests.wire.grammar import mutated_heads, odd_heads
from tests.wire.mutations import with_every_byte
from tests.wire.oracle import answer_by_h11, body_by_h11, request_by_h11

bodies = (
    st.binary(max_size=12) | st.sampled_from([b"hello", b"hello more", b"5\r\nhello\r\n0\r\n\r\nmore"]) | odd_bodies
)


def falls_under(rules: Iterable[Rule], raw: bytes, *, accepted: bool) -> list[str]:
    """The rules by which these bytes are accepted here and refused by h11, or the other way round."""
    listed = (rule for rule in rules if rule.differs is not None and (rule.status < 400) is accepted)
    return [rule.rule for rule in listed if rule.differs is not None and rule.differs(raw)]


def request_here(head: bytes) -> RequestHead | None:
    try:
        return parse_request(head)
    except GatewayError:
        return None


def answer_here(head: bytes) -> ResponseHead | None:
    try:
        return parse_response(head)
    except GatewayError:
        return None


def cut(raw: bytes) -> bytes:
    """The head that a connection would find at the beginning of these bytes."""
    return (raw + b"\r\n\r\n").partition(b"\r\n\r\n")[0]


def is_passed_on(name: bytes, nominated: Container[bytes], treatments: Container[bytes]) -> bool:
    """Whether a field is the peer's own: not read here, not named by Connection, not one that only Exeat writes."""
    is_ours = name.replace(b"_", b"-").startswith((b"exeat-", b"x-forwarded-"))
    return name not in treatments and name not in nominated and not is_ours


def check_fields(
    ours: RequestHead | ResponseHead, theirs: h11.Request | h11.InformationalResponse | h11.Response
) -> None:
    """Version and framing are the same; of the fields, those that aren't read here pass, all of them and in order."""
    known = dict(theirs.headers)
    assert ours.is_1_1 == (theirs.http_version == b"1.1")
    assert ours.length == (int(known[b"content-length"]) if b"content-length" in known else None)
    assert ours.chunked == (b"transfer-encoding" in known)
    kept = [split_field(line) for line in ours.fields if line]
    sent = [(bytes(name), bytes(value)) for name, value in theirs.headers.raw_items()]
    assert [pair for pair in sent if pair in kept] == kept
    treatments = REQUEST if isinstance(ours, RequestHead) else RESPONSE
    connection = b",".join(value for name, value in sent if name.lower() == b"connection")
    nominated = [option.strip().lower() for option in connection.split(b",")]
    passed = [pair for pair in sent if is_passed_on(pair[0].lower(), nominated, treatments)]
    assert [pair for pair in kept if pair[0].lower() not in treatments] == passed


def compare_requests(raw: bytes) -> None:
    head = cut(raw)
    ours, theirs = request_here(head), request_by_h11(head)
    if ours is None or theirs is None:
        assert (ours is None and theirs is None) or falls_under(REQUESTS, head, accepted=ours is not None)
        return
    assert (ours.method, ours.target) == (theirs.method, theirs.target)
    assert ours.known.get(b"host") == dict(theirs.headers).get(b"host")
    check_fields(ours, theirs)


def compare_answers(raw: bytes) -> None:
    head = cut(raw)
    ours, theirs = answer_here(head), answer_by_h11(head)
    if ours is None or theirs is None:
        listed = falls_under(ANSWERS, head, accepted=ours is not None)
        assert (ours is None and theirs is None) or listed or (ours and ours.status == 101)
        return
    assert (ours.status, ours.reason) == (theirs.status_code, theirs.reason)
    check_fields(ours, theirs)


@settings(max_examples=400)
@given(head=odd_heads)
def test_odd_heads_of_requests(head: bytes) -> None:
    """An odd head is accepted by both with the same meaning, or refused by both, or differs for a listed reason."""
    compare_requests(head)


@settings(max_examples=200)
@given(head=mutated_heads())
def test_mutated_heads_of_requests(head: bytes) -> None:
    """The same holds for valid heads in which one byte has changed."""
    compare_requests(head)


@settings(max_examples=400)
@given(head=odd_answer_heads)
def test_odd_heads_of_answers(head: bytes) -> None:
    """The same holds for odd answers; 101 is refused where answers are read, its head alone is well-formed."""
    compare_answers(head)


@settings(max_examples=200)
@given(head=mutated_answer_heads())
def test_mutated_heads_of_answers(head: bytes) -> None:
    """The same holds for valid answers in which one byte has changed."""
    compare_answers(head)


def test_every_byte_in_every_place() -> None:
    """The same holds for heads in which a byte that means something stands in any place."""
    values = (*range(0x21), *b'"(,/:;19A_x', 0x7F, 0x80, 0xA0, 0xFF)
    for raw in with_every_byte(b"GET /a HTTP/1.1\r\nHost: b\r\nX: y\r\nContent-Length: 5", values):
        compare_requests(raw)
    for raw in with_every_byte(b"HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked", values):
        compare_answers(raw)


@given(made=answer_heads())
def test_valid_heads_of_answers(made: tuple[int, bytes, list[tuple[bytes, bytes]], bytes]) -> None:
    """A valid answer is accepted by both; status, reason and fields are those that were written."""
    status, reason, free, raw = made
    head = parse_response(raw)
    assert answer_by_h11(raw) is not None
    assert (head.status, head.reason) == (status, reason)
    assert [split_field(line) for line in head.fields if line] == free
    compare_answers(raw)


@settings(max_examples=200)
@given(method=st.sampled_from(METHODS), made=answer_heads(), body=bodies)
@example(method=b"HEAD", made=(200, b"", [], b"HTTP/1.1 200 OK\r\nContent-Length: 5"), body=b"hello")
def test_where_the_body_of_an_answer_ends(
    method: bytes, made: tuple[int, bytes, list[tuple[bytes, bytes]], bytes], body: bytes
) -> None:
    """Method, status and framing decide alike what is body, whether the end completes it, and what follows it."""
    head = parse_response(made[3])
    theirs = body_by_h11(method, made[3], body)
    if head.status < 200 or (head.chunked and theirs is None):
        return
    reader = response_reader(method, head.status, head.length, chunked=head.chunked)
    try:
        content = take(reader, body)
    except GatewayError:
        assert head.chunked
        return
    is_whole = reader.done or reader.close()
    if head.chunked and theirs is not None and theirs[1] != is_whole:
        return  # test_oracle_chunked.py compares these
    assert theirs == (content, is_whole, reader.rest)
