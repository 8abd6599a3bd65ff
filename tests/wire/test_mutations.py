"""Requests that smuggling is made of: refused, or read in the one way in which their plain framing reads them."""

import re

import pytest

from exeat.errors import Code, GatewayError
from exeat.model.key import Presented
from exeat.policy.forward import render_request
from exeat.wire.body import reader_of
from exeat.wire.http1 import RequestHead, parse_request
from tests.support.messages import read_whole
from tests.support.values import KEY
from tests.wire.chunked import take
from tests.wire.mutations import BYTES, CANARY, KNOWN, TEMPLATES, smuggled
from tests.wire.oracle import request_by_h11

START = b"POST /api/ HTTP/1.1\r\nHost: gateway.test\r\n"
ALL = smuggled(START)
# The only lines that are a Transfer-Encoding by RFC 9112 §6.1: with white space around the value, in any case.
PLAIN = re.compile(rb"(?:^|\r\n)transfer-encoding:[ \t]*chunked[ \t]*(?=\r\n)", re.IGNORECASE)
LENGTH = re.compile(rb"\r\nContent-Length: ([0-9]+)(?=\r\n)")


def test_there_are_as_many_as_there_should_be() -> None:
    """One byte in every value that it can have at every place, and the known tricks, twice each."""
    assert len(set(ALL)) > 0.98 * len(ALL)
    assert len(ALL) == 2 * (len(TEMPLATES) * len(BYTES) + len(KNOWN)) > 3400


def judge(raw: bytes) -> tuple[RequestHead, bytes] | GatewayError:
    """The head and the content of the request at the beginning of these bytes, or why it is refused."""
    end = raw.find(b"\r\n\r\n")
    try:
        asked = parse_request(raw[:end])
        reader = reader_of(asked.length, chunked=asked.chunked)
        content = take(reader, raw[end + 4 :])
    except GatewayError as error:
        return error
    assert reader.done
    assert asked.chunked or content + reader.rest == raw[end + 4 :]
    return asked, content


def test_each_is_refused_or_read_in_one_way() -> None:
    """What isn't refused has one framing; what leaves has no trace of another, and the canary is content or nothing."""
    accepted = 0
    for raw in ALL:
        judged = judge(raw)
        if isinstance(judged, GatewayError):
            assert judged.code is Code.MALFORMED_REQUEST
            assert judged.closes
            continue
        accepted += 1
        asked, content = judged
        head = raw[: raw.find(b"\r\n\r\n")] + b"\r\n"
        assert not PLAIN.search(head), "Content-Length and Transfer-Encoding"
        assert LENGTH.findall(head) == [b"%d" % len(content)] == [b"%d" % (asked.length or 0)]
        leaves(render(asked), content)
        oracle = request_by_h11(head.removesuffix(b"\r\n"))
        assert oracle is not None
        assert dict(oracle.headers)[b"content-length"] == b"%d" % len(content)
    assert 0 < accepted < len(ALL) / 10


def render(asked: RequestHead) -> bytes:
    """What would leave."""
    presented = Presented(KEY, frozenset(), None)
    return render_request(asked, host=b"api.test", path=b"/", query=None, presented=presented, injection=None, via=None)


def leaves(head: bytes, content: bytes) -> None:
    """A merciless reader finds one request in what leaves, whole, with this content."""
    (found,) = read_whole("request", head + content)
    assert found.is_whole
    assert found.body == content
    assert found.values(b"content-length") == [b"%d" % len(content)]
    assert found.values(b"transfer-encoding") == []


@pytest.mark.parametrize("coding", [b"chunked", b"CHUNKED", b"\tchunked "])
def test_the_undisguised_ones(coding: bytes) -> None:
    """Without disguise the two framings contradict each other, and the request is refused."""
    with pytest.raises(GatewayError, match="both"):
        parse_request(START + b"Content-Length: %d\r\nTransfer-Encoding:%b" % (len(CANARY), coding))
