"""Bodies that have to be read on their way back: how they are asked for, and what is known of them."""

import pytest

from exeat.policy.plain_bodies import ask_plainly, coding_of, has_content, is_json, with_framing
from exeat.wire.http1 import ResponseHead, parse_response
from tests.support.values import head

ASKED = ("Accept-Encoding: gzip", "X-A: 1", "accept-encoding: br", "Range: bytes=0-1", 'If-Range: "x"')


def response(*lines: str, status: int = 200) -> ResponseHead:
    """The head of an answer, from its lines."""
    return parse_response("\r\n".join([f"HTTP/1.1 {status} OK", *lines]).encode())


def test_what_is_asked_for() -> None:
    """Every wish for a coding is replaced by none; a part isn't asked for where the whole is needed."""
    fields = ask_plainly(head(*ASKED), whole=False).fields
    assert [line for line in fields if line] == [
        b"X-A: 1\r\n",
        b"Range: bytes=0-1\r\n",
        b'If-Range: "x"\r\n',
        b"Accept-Encoding: identity\r\n",
    ]
    fields = ask_plainly(head(*ASKED), whole=True).fields
    assert [line for line in fields if line] == [b"X-A: 1\r\n", b"Accept-Encoding: identity\r\n"]


def test_what_is_asked_for_twice() -> None:
    """Asking again changes nothing: a request that is sent on to the next hop has been asked plainly before."""
    once = ask_plainly(head(*ASKED), whole=True)
    assert ask_plainly(once, whole=True).fields == once.fields


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("application/json", 200, True),
        ("Application/JSON; charset=utf-8", 404, True),
        ("application/vnd.github+json; x=y", 200, True),
        ("application/json", 206, False),
        ("application/jsonl", 200, False),
        ("text/json", 200, False),
        ("image/svg+json", 200, False),
        ("text/html", 200, False),
    ],
)
def test_what_is_json(kind: str, status: int, expected: bool) -> None:  # noqa: FBT001 - expected
    """JSON is told by its type; a part of a JSON text is none."""
    assert is_json(response(f"Content-Type: {kind}", status=status)) is expected
    assert not is_json(response(status=status))


@pytest.mark.parametrize(
    ("lines", "coding"),
    [
        ((), b""),
        (("Content-Encoding: identity",), b""),
        (("Content-Encoding: GZIP",), b"gzip"),
        (("Content-Encoding: gzip", "content-encoding: br"), b"gzip,br"),
    ],
)
def test_codings(lines: tuple[str, ...], coding: bytes) -> None:
    """The coding is that of all fields together."""
    assert coding_of(response(*lines)) == coding


def test_answers_without_content() -> None:
    """HEAD, 204, 304 and an empty body have nothing in them."""
    assert has_content(b"GET", response("Content-Length: 1"))
    assert has_content(b"GET", response())
    assert not has_content(b"HEAD", response("Content-Length: 1"))
    assert not has_content(b"GET", response("Content-Length: 0"))
    assert not has_content(b"GET", response(status=204))
    assert not has_content(b"GET", response(status=304))


def test_another_framing() -> None:
    """Of an altered body the length is new, and what was said of its bytes is left out."""
    before = response("Content-Encoding: gzip", "Digest: x", "Repr-Digest: x", "X-A: 1", "Content-Length: 9")
    after = with_framing(before, None, chunked=True, decoded=True)
    assert [line for line in after.fields if line] == [b"X-A: 1\r\n"]
    assert (after.length, after.chunked, after.status) == (None, True, 200)
    kept = with_framing(before, 5, chunked=False, decoded=False)
    assert [line for line in kept.fields if line] == [b"Content-Encoding: gzip\r\n", b"X-A: 1\r\n"]
    assert (kept.length, kept.chunked) == (5, False)
