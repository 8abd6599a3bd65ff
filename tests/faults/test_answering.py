"""Upstreams that answer as nobody should: each fault of the table, over TLS."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.faults.checks import check_left
from tests.faults.family import Family
from tests.faults.stand import CALM, Act, Seen, Way, ask, observe
from tests.faults.table import ANSWERING
from tests.support.certificates import Authority
from tests.support.origins import Behaviour, Origin, Peer, Request, echo
from tests.support.raw_caller import Answer, RawCaller

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HURRY = "Exeat-Timeout: 1.5"
LARGE = "Content-Length: 100000000"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def closes(peer: Peer, request: Request) -> None:
    """No answer."""
    peer.read_body(request)
    peer.close()


def closes_early(peer: Peer, request: Request) -> None:
    """No answer, and most of the body isn't read."""
    del request
    peer.drop()


def resets(peer: Peer, request: Request) -> None:
    """No answer, and a rude end."""
    del request
    peer.reset()


def says(data: bytes) -> Behaviour:
    """Send these bytes, and end."""

    def behave(peer: Peer, request: Request) -> None:
        peer.read_body(request)
        peer.send(data)
        peer.close()

    return behave


def interim_forever(peer: Peer, request: Request) -> None:
    """Nothing but interim answers."""
    del request
    while True:
        peer.send(b"HTTP/1.1 102 Processing\r\n\r\n")


def silent(peer: Peer, request: Request) -> None:
    """Nothing, until the gateway has had enough."""
    del request
    assert peer.has_ended()


def drips(peer: Peer, request: Request) -> None:
    """A head whose end never comes."""
    del request
    peer.send(b"HTTP/1.1 200 OK\r\n")
    while not peer.has_ended(0.05):
        peer.send(b"X-More: 1\r\n")


def fails_with(status: str) -> Behaviour:
    """A whole answer that says that something is wrong."""

    def behave(peer: Peer, request: Request) -> None:
        peer.read_body(request)
        peer.answer(b"not now", status=status)

    return behave


def two_answers(peer: Peer, request: Request) -> None:
    """The second one might be taken for the next request's."""
    del request
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirstHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond")
    assert peer.has_ended()


def stalls(peer: Peer, request: Request) -> None:
    """Half of a body, then nothing."""
    del request
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.")
    assert peer.has_ended()


def resets_in_body(peer: Peer, request: Request) -> None:
    """Half of a body, and a rude end as soon as that may have been read."""
    del request
    peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf.")
    peer.has_ended(0.1)
    peer.reset()


def bad_chunk(peer: Peer, request: Request) -> None:
    """A good chunk, and one that isn't."""
    del request
    peer.send(CHUNKED + b"5\r\nhello\r\n")
    peer.has_ended(0.1)
    peer.send(b"5 or so\r\nhello\r\n")
    assert peer.has_ended()


def endless(peer: Peer, request: Request) -> None:
    """A body that comes for as long as somebody takes it."""
    del request
    peer.send(CHUNKED)
    while True:
        peer.send(b"2000\r\n" + bytes(0x2000) + b"\r\n")
        time.sleep(0.005)  # not as fast as it could: the test reads it all


def answers_early(peer: Peer, request: Request) -> None:
    """An answer though most of the body hasn't come."""
    del request
    peer.answer(b"too much", "Connection: close", status="413 Content Too Large")
    assert peer.has_ended()


def refuses_body(peer: Peer, request: Request) -> None:
    """An answer in place of 100."""
    assert request.values("expect") == ["100-continue"]
    peer.answer(b"no", status="417 Expectation Failed")


def hurries(caller: RawCaller, target: str, line: str) -> Answer:
    """Have little time."""
    return caller.call("GET", target, line, HURRY)


def uploads(caller: RawCaller, target: str, line: str) -> Answer:
    """Send the beginning of a large body, and look at what comes back."""
    caller.request("POST", target, line, LARGE)
    caller.send(bytes(64 * 1024))
    return caller.read("POST")


def expects(caller: RawCaller, target: str, line: str) -> Answer:
    """Ask first whether the body is wanted."""
    caller.request("POST", target, line, LARGE, "Expect: 100-continue")
    return caller.read("POST")


def posts(caller: RawCaller, target: str, line: str) -> Answer:
    """Send something that might be done twice."""
    return caller.call("POST", target, line, body=b"an order")


BEHAVIOURS: dict[str, Behaviour] = {
    CALM: echo,
    "closes": closes,
    "resets": resets,
    "half-a-head": says(b"HTTP/1.1 200 OK\r\nContent-Le"),
    "garbage": says(b"220 mail.example ESMTP\r\n"),
    "two-lengths": says(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
    "huge-head": says(b"HTTP/1.1 200 OK\r\n" + b"X-Many: %b\r\n" % (b"x" * 1000) * 100 + b"\r\n"),
    "interim-forever": interim_forever,
    "silent": silent,
    "drips": drips,
    "unavailable": fails_with("503 Service Unavailable"),
    "broken": fails_with("500 Internal Server Error"),
    "two-answers": two_answers,
    "stalls": stalls,
    "short": says(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf."),
    "resets-in-body": resets_in_body,
    "first-chunk-bad": says(CHUNKED + b"5 or so\r\nhello\r\n"),
    "bad-chunk": bad_chunk,
    "endless": endless,
    "answers-early": answers_early,
    "closes-early": closes_early,
    "refuses-body": refuses_body,
    "post-closes": closes,
}
ACTS: dict[str, Act] = {
    "endless": hurries,
    "answers-early": uploads,
    "closes-early": uploads,
    "refuses-body": expects,
    "post-closes": posts,
}


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """All of it, once."""
    folder = Path(tmp_path_factory.mktemp("answering"))
    authority = Authority(folder)
    context = authority.server_context()
    with ExitStack() as origins:
        ways = {
            name: Way(origins.enter_context(Origin(behaviour, context)).entry(authority.file), ACTS.get(name, ask))
            for name, behaviour in BEHAVIOURS.items()
        }
        yield observe(ANSWERING, ways, origins, folder)


@pytest.mark.parametrize("fault", ANSWERING, ids=lambda fault: fault.name)
class TestAnswering(Family):
    """Each row of the table."""


def test_nothing_is_left(seen: Seen) -> None:
    """When all is over, nothing of it is left."""
    check_left(seen.left)
