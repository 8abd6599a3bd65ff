"""Dialling over TLS: the name that was asked for is verified, and whom a connection trusts is its own."""

import asyncio
import ssl
from pathlib import Path

import pytest

from exeat.errors import Code, GatewayError
from exeat.model.upstream import TlsIdentity
from exeat.proxy.dial import Trust
from exeat.proxy.secure import Secure
from tests.proxy.dialling import PUBLIC, Desk
from tests.support.certificates import Authority
from tests.support.transports import MemoryTransport, run
from tests.support.values import route

OTHER = "2606:2800:21f::1"


def test_a_peer_that_does_not_speak_tls() -> None:
    """An answer that is no TLS is `tls-failed`; the connection is closed."""

    async def check() -> None:
        desk = Desk({"api.test": (PUBLIC,)})
        dialling = asyncio.get_running_loop().create_task(desk.refused(route("https://api.test"), Code.TLS_FAILED))
        await asyncio.sleep(0.1)
        transport = desk.network.connections[0]
        assert transport.sent.startswith(b"\x16\x03")
        transport.deliver(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await dialling
        assert transport.is_closing()

    run(check())


def test_a_peer_that_hangs_up_during_the_handshake() -> None:
    """A connection that ends before TLS is there counts as one that failed."""

    async def check() -> None:
        desk = Desk({"api.test": (PUBLIC,)})
        dialling = asyncio.get_running_loop().create_task(desk.refused(route("https://api.test"), Code.CONNECT_FAILED))
        await asyncio.sleep(0.1)
        desk.network.connections[0].deliver(None)
        await dialling

    run(check())


class Server(asyncio.Protocol):
    """The far end of a TLS connection; it keeps what it reads."""

    def __init__(self) -> None:
        self.read = b""
        self.transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.read += data

    def eof_received(self) -> bool:
        return False


class TlsNetwork:
    """Serves TLS at the other end of every connection of a loop's network."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self.servers: list[Server] = []
        self.names: list[object] = []

    def serve(self, transport: MemoryTransport) -> None:
        """Shake hands at the far end of a connection."""
        loop = asyncio.get_running_loop()
        server = Server()
        self.servers.append(server)
        far = MemoryTransport(loop, Secure(server, self._context, server_side=True), ("192.0.2.9", 9))
        carry(loop, transport, far)
        carry(loop, far, transport)
        loop.call_soon(far.protocol.connection_made, far)


def carry(loop: asyncio.AbstractEventLoop, near: MemoryTransport, far: MemoryTransport) -> None:
    """Bring what one end writes to the other."""

    def arrived() -> None:
        data, near.sent = near.sent, b""
        if data:
            loop.call_soon(far.deliver, data)

    near.arrived = arrived
    loop.call_soon(arrived)


@pytest.mark.parametrize(
    ("host", "names", "works"),
    [
        ("api.test", ("api.test",), True),
        ("v1.api.test", ("*.api.test",), True),
        ("api.test", ("*.api.test",), False),
        ("api.test", ("other.test",), False),
        ("api.test", (PUBLIC,), False),
        (PUBLIC, (PUBLIC,), True),
        (PUBLIC, ("api.test",), False),
    ],
)
def test_the_name_is_verified(host: str, names: tuple[str, ...], works: bool, tmp_path: Path) -> None:  # noqa: FBT001
    """The certificate has to be for the name that was asked for, though the connection goes to a number."""
    authority = Authority(tmp_path)

    async def check() -> None:
        desk = Desk({"api.test": (PUBLIC,), "v1.api.test": (PUBLIC,)})
        tls = TlsIdentity(ca=authority.file.read_text("ascii"))
        dialling = asyncio.get_running_loop().create_task(desk.dial(route(f"https://{host}", tls=tls)))
        await asyncio.sleep(0.01)
        network = TlsNetwork(authority.server_context(*names))
        network.serve(desk.network.connections[0])
        if works:
            connection = await dialling
            assert connection.is_open
        else:
            with pytest.raises(GatewayError) as caught:
                await dialling
            assert caught.value.code is Code.TLS_FAILED
            assert caught.value.untouched

    run(check())


def test_a_stranger_is_not_trusted(tmp_path: Path) -> None:
    """A certificate of another authority is refused, also where the system would trust it."""
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")

    async def check() -> None:
        desk = Desk({"api.test": (PUBLIC,)})
        tls = TlsIdentity(ca=authority.file.read_text("ascii"))
        dialling = asyncio.get_running_loop().create_task(desk.dial(route("https://api.test", tls=tls)))
        await asyncio.sleep(0.01)
        TlsNetwork(other.server_context("api.test")).serve(desk.network.connections[0])
        with pytest.raises(GatewayError) as caught:
            await dialling
        assert caught.value.code is Code.TLS_FAILED

    run(check())


def test_a_handshake_that_does_not_go_on() -> None:
    """A server that takes the connection and says nothing is `connect-timeout` after timeout.tls, which is said."""

    async def check() -> None:
        loop = asyncio.get_running_loop()
        desk = Desk({"api.test": (PUBLIC,)})
        began = loop.time()
        detail = await desk.refused(route("https://api.test"), Code.CONNECT_TIMEOUT)
        assert loop.time() - began == pytest.approx(2, abs=0.01)
        assert "TLS handshake" in detail
        assert desk.network.connections[0].end == "aborted"

    run(check())


def test_the_handshake_has_a_time_of_its_own(tmp_path: Path) -> None:
    """What connecting took is no part of it, and a handshake that ends within its time leaves nothing behind."""
    authority = Authority(tmp_path)

    async def check() -> None:
        desk = Desk({"api.test": (OTHER, PUBLIC)})
        desk.network.silent.add(OTHER)  # takes half of the three seconds
        tls = TlsIdentity(ca=authority.file.read_text("ascii"))
        dialling = asyncio.get_running_loop().create_task(desk.dial(route("https://api.test", tls=tls)))
        await asyncio.sleep(3.4)
        TlsNetwork(authority.server_context("api.test")).serve(desk.network.connections[-1])
        connection = await dialling
        await asyncio.sleep(60)
        assert connection.is_open

    run(check())


def test_contexts_are_made_once(tmp_path: Path) -> None:
    """Identities of one fingerprint share a context; the laws of every context are the same."""
    authority = Authority(tmp_path)
    trust = Trust(ca_file=str(authority.file))
    context = trust.context(TlsIdentity(fingerprint="a"))
    assert trust.context(TlsIdentity(fingerprint="a")) is context
    assert trust.context(TlsIdentity(fingerprint="b")) is not context
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert not context.hostname_checks_common_name
    assert len(context.get_ca_certs()) == 1
    assert trust.context(TlsIdentity(verify=False, fingerprint="blind")).verify_mode is ssl.CERT_NONE
