"""An answer that is read whole, however its bytes come."""

import asyncio
from collections.abc import Callable
from ipaddress import ip_network

import pytest

from exeat.errors import Code, GatewayError
from exeat.model.origin import Origin as Place
from exeat.model.upstream import Network, Reach, Route, Timeouts, TlsIdentity
from exeat.proxy.dial import Dialler, Trust
from exeat.proxy.names import AresLookup, Names
from exeat.proxy.whole import Answer, ask
from tests.support.origins import Origin, Peer, Request

LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"),)
LIMIT_BYTES = 1000
REQUEST = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


def ask_of(behave: Callable[[Peer, Request], None], limit_bytes: int = LIMIT_BYTES) -> Answer:
    """The answer of an upstream that behaves like this."""

    async def run(port: int) -> Answer:
        loop = asyncio.get_running_loop()
        lookup = AresLookup()
        dialler = Dialler(Names(lookup, loop.time), (), Trust())
        route = Route(Place("http", "127.0.0.1", port), TlsIdentity(), Reach(LOOPBACK), "test")
        try:
            connection = await dialler.dial(route, Timeouts(), reported=lambda _: None)
            async with asyncio.timeout(10):
                answer = await ask(connection, REQUEST, b"POST", b"body", limit_bytes)
            assert not connection.is_open
            return answer
        finally:
            await lookup.close()

    with Origin(behave) as origin:
        return asyncio.run(run(origin.port))


def test_it_is_read_at_every_split() -> None:
    """Head and body may come in any parts; the request arrives whole."""
    message = b"HTTP/1.1 201 Created\r\nX-Y: z\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n"
    for at in range(1, len(message), 3):

        def behave(peer: Peer, request: Request, at: int = at) -> None:
            assert peer.read_body(request) == b"body"
            peer.send(message[:at])
            peer.send(message[at:])

        answer = ask_of(behave)
        assert (answer.head.status, answer.body) == (201, b"abcdefg")
        assert b"X-Y: z\r\n" in answer.head.fields


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
@pytest.mark.parametrize("size", [LIMIT_BYTES, LIMIT_BYTES + 1, 300 * LIMIT_BYTES])
def test_it_is_bounded(framing: str, size: int) -> None:
    """What is larger than it may be isn't read to its end."""

    def behave(peer: Peer, request: Request) -> None:
        peer.read_body(request)
        if framing == "length":
            peer.answer(b"a" * size)
        elif framing == "chunked":
            peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % size + b"a" * size + b"\r\n")
            peer.send(b"0\r\n\r\n")
        else:
            peer.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"a" * size)
            peer.close()

    if size <= LIMIT_BYTES:
        assert ask_of(behave).body == b"a" * size
        return
    with pytest.raises(GatewayError, match="larger than 1000 bytes") as caught:
        ask_of(behave)
    assert caught.value.code is Code.UPSTREAM_MALFORMED


BROKEN: dict[str, tuple[bytes, Code]] = {
    "no answer": (b"", Code.UPSTREAM_CLOSED),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-", Code.UPSTREAM_MALFORMED),
    "half a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Code.UPSTREAM_CLOSED),
    "no HTTP": (b"SSH-2.0-OpenSSH_9.9\r\n", Code.UPSTREAM_MALFORMED),
    "both framings": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
        Code.UPSTREAM_MALFORMED,
    ),
    "a broken chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", Code.UPSTREAM_MALFORMED),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_broken_is_said(name: str) -> None:
    """An answer that ends early, or can't be understood, is no answer."""
    sent, code = BROKEN[name]

    def behave(peer: Peer, request: Request) -> None:
        peer.read_body(request)
        peer.send(sent)
        peer.drop()

    with pytest.raises(GatewayError) as caught:
        ask_of(behave)
    assert caught.value.code is code


def test_interim_answers_are_skipped() -> None:
    """What comes before the answer is dropped."""

    def behave(peer: Peer, request: Request) -> None:
        peer.read_body(request)
        peer.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        peer.answer(b"fine")

    assert ask_of(behave).body == b"fine"
