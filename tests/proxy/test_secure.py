"""TLS between two protocols in memory: everything arrives, an end is clean or it isn't, and nothing waits for ever."""

import asyncio
import ssl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.proxy.secure import HANDSHAKE_TIMEOUT_S, READ_BYTES, HandshakeTimeout, Secure
from tests.support.certificates import Authority
from tests.support.transports import MemoryTransport, connect, run

NAME = "api.test"


class End(asyncio.Protocol):
    """A protocol that keeps what happens to it."""

    def __init__(self, *, keeps_open: bool = False) -> None:
        self.transport: asyncio.Transport
        self.read = b""
        self.events: list[str] = []
        self.lost_with: Exception | None = None
        self.pause_after = 0
        self._keeps_open = keeps_open

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]  # Secure has a transport's methods
        self.events.append("made")

    def data_received(self, data: bytes) -> None:
        self.read += data
        assert len(data) <= READ_BYTES
        if self.pause_after and len(self.read) >= self.pause_after:
            self.pause_after = 0
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        self.events.append("end")
        return self._keeps_open

    def connection_lost(self, exc: Exception | None) -> None:
        self.events.append("lost")
        self.lost_with = exc

    def pause_writing(self) -> None:
        self.events.append("full")

    def resume_writing(self) -> None:
        self.events.append("free")


class Pair:
    """A client and a server over TLS, and the plain transports beneath them."""

    def __init__(self, authority: Authority, *, name: str = NAME, keeps_open: bool = False) -> None:
        self.client, self.server = End(), End(keeps_open=keeps_open)
        self.told: list[Exception | None] = []
        self.secure_client = Secure(self.client, authority.client_context(), server_name=name, ended=self.told.append)
        self.secure_server = Secure(self.server, authority.server_context(NAME), server_side=True)
        self.near: MemoryTransport
        self.far: MemoryTransport

    async def shake_hands(self) -> None:
        """Connect, and let the handshake happen."""
        self.near, self.far = connect(self.secure_client, self.secure_server)
        await settle()


async def settle() -> None:
    """Let everything happen that is due."""
    await asyncio.sleep(0.001)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority for this file."""
    return Authority(tmp_path_factory.mktemp("authority"))


def test_both_sides_are_ready_after_the_handshake(authority: Authority) -> None:
    """The inner protocols learn of the connection when it is secure, and who waited is told once that it went well."""

    async def check() -> None:
        pair = Pair(authority)
        await pair.shake_hands()
        assert (pair.client.events, pair.server.events, pair.told) == (["made"], ["made"], [None])
        shown = pair.client.transport.get_extra_info("ssl_object")
        assert isinstance(shown, ssl.SSLObject)
        assert shown.version() == "TLSv1.3"
        assert pair.client.transport.get_extra_info("peername") == ("192.0.2.1", 1)

    run(check())


def test_much_data_both_ways(authority: Authority) -> None:
    """Megabytes arrive whole and in order, in pieces of at most 16 KiB."""

    async def check() -> None:
        pair = Pair(authority)
        await pair.shake_hands()
        there, back = bytes(range(256)) * 8000, b"answer" * 300_000
        pair.client.transport.write(there)
        pair.server.transport.writelines([back[:7], back[7:]])
        await settle()
        assert pair.server.read == there
        assert pair.client.read == back

    run(check())


@given(pieces=st.lists(st.binary(max_size=40_000), max_size=8))
def test_pieces_arrive_as_one(authority: Authority, pieces: list[bytes]) -> None:
    """However content is cut when it is written, the same content arrives."""

    async def check() -> None:
        pair = Pair(authority)
        await pair.shake_hands()
        for piece in pieces:
            pair.client.transport.write(piece)
        await settle()
        assert pair.server.read == b"".join(pieces)

    run(check())


@given(cut=st.integers(1, 400))
def test_records_arrive_in_any_pieces(authority: Authority, cut: int) -> None:
    """Records that TCP cuts anywhere, the handshake's included, are put together again."""

    async def check() -> None:
        loop = asyncio.get_running_loop()
        pair = Pair(authority)
        near = MemoryTransport(loop, pair.secure_client, ("192.0.2.2", 2))
        far = MemoryTransport(loop, pair.secure_server, ("192.0.2.1", 1))
        pair.secure_client.connection_made(near)
        pair.secure_server.connection_made(far)
        for _ in range(4):
            if pair.client.events and not pair.client.read:
                pair.client.transport.write(b"hello" * 100)
            for one, other in ((near, far), (far, near)):
                data, one.sent = one.sent, b""
                for start in range(0, len(data), cut):
                    other.deliver(data[start : start + cut])
        assert pair.server.read.startswith(b"hello" * 100)

    run(check())


def test_a_pause_holds_back_what_is_decrypted(authority: Authority) -> None:
    """Between pause and resume nothing is delivered, not even what was there already; afterwards everything is."""

    async def check() -> None:
        pair = Pair(authority)
        await pair.shake_hands()
        pair.server.pause_after = 30_000
        pair.client.transport.write(b"x" * 200_000)
        await settle()
        assert 30_000 <= len(pair.server.read) < 30_000 + READ_BYTES
        assert pair.far.is_paused
        pair.client.transport.write(b"y" * 10)
        await settle()
        assert len(pair.server.read) < 30_000 + READ_BYTES
        pair.server.transport.resume_reading()
        await settle()
        assert pair.server.read == b"x" * 200_000 + b"y" * 10
        assert not pair.far.is_paused

    run(check())


def test_an_end_behind_a_pause(authority: Authority) -> None:
    """A clean end that arrives during a pause comes after the data before it."""

    async def check() -> None:
        pair = Pair(authority)
        await pair.shake_hands()
        pair.server.pause_after = 1
        pair.client.transport.write(b"x" * 100_000)
        pair.client.transport.close()
        await settle()
        assert "end" not in pair.server.events
        pair.server.transport.resume_reading()
        await settle()
        assert pair.server.read == b"x" * 100_000
        assert pair.server.events == ["made", "end", "lost"]

    run(check())


def test_a_slow_reader_is_told_of(authority: Authority) -> None:
    """Back-pressure of TCP reaches the inner protocol, and so does its end."""

    async def check() -> None:
        pair = Pair(authority)
        await pair.shake_hands()
        pair.client.transport.set_write_buffer_limits(10_000)
        pair.near.stalled = True
        pair.client.transport.write(b"x" * 50_000)
        assert pair.client.events == ["made", "full"]
        pair.near.read_on()
        assert pair.client.events == ["made", "full", "free"]
        await settle()
        assert pair.server.read == b"x" * 50_000

    run(check())


def test_a_clean_end(authority: Authority) -> None:
    """close_notify is a clean end; what was written before it arrives first."""

    async def check() -> None:
        pair = Pair(authority)
        await pair.shake_hands()
        pair.client.transport.write(b"last words")
        pair.client.transport.close()
        assert pair.client.transport.is_closing()
        await settle()
        assert pair.server.read == b"last words"
        assert pair.server.events == ["made", "end", "lost"]
        assert pair.server.lost_with is None
        assert pair.client.events == ["made", "lost"]

    run(check())


def test_an_end_that_keeps_the_other_direction(authority: Authority) -> None:
    """A protocol that wants to go on after the peer's end can still write."""

    async def check() -> None:
        pair = Pair(authority, keeps_open=True)
        await pair.shake_hands()
        pair.client.transport.write(b"question")
        tls = pair.client.transport.get_extra_info("ssl_object")
        with pytest.raises(ssl.SSLWantReadError):
            tls.unwrap()  # says close_notify, and would wait for the peer's
        pair.near.deliver(b"")
        await settle()
        assert pair.server.read == b"question"
        assert pair.server.events == ["made", "end"]
        pair.server.transport.write(b"answer")
        pair.server.transport.close()
        await settle()
        assert pair.server.events == ["made", "end", "lost"]
        assert pair.far.end == "closed"

    run(check())


@pytest.mark.parametrize("how", ["fin", "reset", "abort"])
def test_an_abrupt_end(authority: Authority, how: str) -> None:
    """An end of TCP without close_notify is no clean end: a cut body can't pass for a whole one (RFC 8446 §6.1)."""

    async def check() -> None:
        pair = Pair(authority)
        await pair.shake_hands()
        pair.client.transport.write(b"half")
        await settle()
        if how == "fin":
            pair.far.deliver(None)
        elif how == "reset":
            pair.far.lose(ConnectionResetError("reset"))
        else:
            pair.client.transport.abort()
        await settle()
        assert pair.server.read == b"half"
        assert pair.server.events == ["made", "lost"]

    run(check())


def test_a_record_that_was_tampered_with(authority: Authority) -> None:
    """A record that can't be decrypted drops the connection, and the reason is given."""

    async def check() -> None:
        pair = Pair(authority)
        await pair.shake_hands()
        pair.far.deliver(b"\x17\x03\x03\x00\x20" + b"\x00" * 32)
        await settle()
        assert pair.far.end == "aborted"
        assert pair.server.events == ["made", "lost"]
        assert isinstance(pair.server.lost_with, ssl.SSLError)
        assert pair.server.read == b""

    run(check())


def test_a_client_that_does_not_trust(authority: Authority, tmp_path: Path) -> None:
    """A handshake that fails closes the connection on both sides; neither inner protocol hears of it."""

    async def check() -> None:
        pair = Pair(authority)
        pair.secure_client = Secure(
            pair.client, Authority(tmp_path).client_context(), server_name=NAME, ended=pair.told.append
        )
        await pair.shake_hands()
        assert [type(error) for error in pair.told] == [ssl.SSLCertVerificationError]
        assert pair.client.events == []
        assert pair.near.is_closing()
        assert pair.far.is_closing()

    run(check())


def test_a_name_that_is_not_the_certificates(authority: Authority) -> None:
    """Another name than the certificate's is refused."""

    async def check() -> None:
        pair = Pair(authority, name="other.test")
        await pair.shake_hands()
        assert [type(error) for error in pair.told] == [ssl.SSLCertVerificationError]

    run(check())


def test_a_peer_that_never_answers(authority: Authority) -> None:
    """A handshake that doesn't end within ten seconds is given up."""

    async def check() -> None:
        told: list[Exception | None] = []
        end = End()
        secure = Secure(end, authority.client_context(), server_name=NAME, ended=told.append)
        transport = MemoryTransport(asyncio.get_running_loop(), secure, None)
        secure.connection_made(transport)
        await asyncio.sleep(HANDSHAKE_TIMEOUT_S - 1)
        assert told == []
        await asyncio.sleep(2)
        assert [type(error) for error in told] == [HandshakeTimeout]
        assert transport.is_closing()
        assert end.events == []

    run(check())


@pytest.mark.parametrize("how", ["fin", "reset", "garbage"])
def test_a_peer_that_leaves_during_the_handshake(authority: Authority, how: str) -> None:
    """An end before TLS is there is told as an error, once."""

    async def check() -> None:
        told: list[Exception | None] = []
        end = End()
        secure = Secure(end, authority.client_context(), server_name=NAME, ended=told.append)
        transport = MemoryTransport(asyncio.get_running_loop(), secure, None)
        secure.connection_made(transport)
        if how == "fin":
            transport.deliver(None)
        elif how == "reset":
            transport.lose(ConnectionResetError("reset"))
        else:
            transport.deliver(b"HTTP/1.1 200 OK\r\n\r\n")
        await settle()
        assert len(told) == 1
        assert isinstance(told[0], OSError)
        assert end.events == []
        assert transport.is_closing()

    run(check())


def test_nothing_is_written_after_the_end(authority: Authority) -> None:
    """Writing to a connection that closes does nothing, and closing twice is closing once."""

    async def check() -> None:
        pair = Pair(authority)
        await pair.shake_hands()
        transport = pair.client.transport
        transport.close()
        transport.write(b"late")
        transport.close()
        transport.write(b"")
        await settle()
        assert pair.server.read == b""
        assert pair.client.events.count("lost") == 1
        assert not transport.can_write_eof()

    run(check())
