"""TLS between a transport and a protocol that knows nothing of it, on either side of the gateway.

Records are decrypted by ssl.SSLObject over two memory buffers, 16 KiB at a time: half of what asyncio's own TLS costs,
because a larger read allocates its whole buffer each time (2-architecture §1). To the inner protocol this object is
its transport; to the outer transport it is the protocol.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterable
from typing import Any, Protocol, final

READ_BYTES = 16 * 1024
# More than that without content isn't a record on its way, whose size is at most 16 KiB and 256 (RFC 8446 §5.2): it's
# keys changed again and again, of which each takes 27 bytes of the peer and some 10 µs of the gateway.
IDLE_LIMIT_BYTES = 32 * 1024
HANDSHAKE_TIMEOUT_S = 10.0


class HandshakeTimeout(Exception):  # noqa: N818 - named as the standard library names its own
    """The peer didn't go on with the handshake."""


class Inner(Protocol):
    """What asyncio calls on a protocol.

    The connections of this package have the methods without the base class: a class of its own compiles to direct
    attribute access, one derived from asyncio's doesn't.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is ready."""

    def data_received(self, data: bytes) -> None:
        """Bytes arrived."""

    def eof_received(self) -> bool:
        """The peer sends nothing more; whether to keep the connection open."""

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""

    def pause_writing(self) -> None:
        """The peer reads slowly."""

    def resume_writing(self) -> None:
        """The peer reads again."""


@final
class Secure:
    """One TLS connection; `ended` is told how the handshake ended, which may take `limit_s` seconds.

    A clean end (close_notify) reaches the inner protocol as eof_received, nothing else does.
    """

    def __init__(
        self,
        inner: Inner,
        context: ssl.SSLContext,
        *,
        server_side: bool = False,
        server_name: str | None = None,
        ended: Callable[[Exception | None], None] | None = None,
        limit_s: float = HANDSHAKE_TIMEOUT_S,
    ) -> None:
        self._inner = inner
        self._limit_s = limit_s
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side, server_name)
        self._transport: asyncio.Transport
        self._ended_handshake = ended
        self._ready = False
        self._paused = False
        self._closing = False
        self._ended = False
        self._idle_bytes = 0  # received since there was content
        self._error: Exception | None = None
        self._timer: asyncio.TimerHandle | None = None

    # The outer transport calls these.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """TCP is there: shake hands."""
        self._transport = transport  # type: ignore[assignment]  # uvloop's is one without saying so
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._limit_s, self._take_too_long)
        self._shake_hands()

    def data_received(self, data: bytes) -> None:
        """Records arrived."""
        if not self._ready:
            self._incoming.write(data)
            self._shake_hands()
            return
        if len(data) <= IDLE_LIMIT_BYTES:
            self._take(data)
            return
        for at in range(0, len(data), IDLE_LIMIT_BYTES):
            self._take(data[at : at + IDLE_LIMIT_BYTES])

    def _take(self, data: bytes) -> None:
        self._incoming.write(data)
        if not self._paused and not self._ended:
            self._idle_bytes += len(data)
            self._read()

    def eof_received(self) -> bool:
        """TCP ended without close_notify: not a clean end (RFC 8446 §6.1), so only connection_lost is passed on."""
        self._incoming.write_eof()
        if not self._ready:
            self._give_up(ConnectionResetError("the connection ended during the TLS handshake"))
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._closing = True
        self._stop_timer()
        if self._ready:
            self._inner.connection_lost(self._error or exc)
        else:
            self._tell(exc or ConnectionResetError("the connection ended during the TLS handshake"))

    def pause_writing(self) -> None:
        """The peer reads slowly."""
        if self._ready:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        """The peer reads again."""
        if self._ready:
            self._inner.resume_writing()

    def _shake_hands(self) -> None:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            self._flush()
            return
        except (ssl.SSLError, OSError) as error:
            self._flush()  # the alert that says why
            self._give_up(error)
            return
        self._ready = True
        self._stop_timer()
        self._flush()
        self._tell(None)
        self._inner.connection_made(self)  # type: ignore[arg-type]  # has a transport's methods
        self._read()

    def _give_up(self, error: Exception) -> None:
        self._closing = True
        self._stop_timer()
        self._transport.close()
        self._tell(error)

    def _take_too_long(self) -> None:
        self._closing = True
        self._transport.abort()  # who says nothing reads nothing either
        self._tell(HandshakeTimeout("the TLS handshake wasn't done in time"))

    def _tell(self, error: Exception | None) -> None:
        """Say how the handshake ended, once."""
        ended, self._ended_handshake = self._ended_handshake, None
        if ended is not None:
            ended(error)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _read(self) -> None:
        """Decrypt what has arrived; stop where the inner protocol asks for a pause."""
        tls, incoming, inner = self._tls, self._incoming, self._inner
        while not self._paused and not self._ended:
            try:
                data = tls.read(READ_BYTES)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLError as error:
                self._broken(error)
                return
            if not data:
                self._end()
                break
            self._idle_bytes = 0
            inner.data_received(data)
            if not incoming.pending and not tls.pending():
                break  # asking once more would only raise SSLWantReadError
        if self._idle_bytes > IDLE_LIMIT_BYTES:
            self._broken(ssl.SSLError("the peer goes on about TLS alone"))
        elif self._outgoing.pending:
            self._flush()

    def _end(self) -> None:
        self._ended = True
        if not self._inner.eof_received():
            self.close()

    def _broken(self, error: ssl.SSLError) -> None:
        """A record that can't be decrypted, an alert, or an end without close_notify."""
        self._ended = True
        if isinstance(error, ssl.SSLZeroReturnError):
            self._end()
            return
        self._closing = True
        self._error = error
        self._flush()
        self._transport.abort()

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._transport.write(self._outgoing.read())

    # The inner protocol calls these.

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt and send."""
        if not self._closing and data:
            self._tls.write(data)
            self._transport.write(self._outgoing.read())

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """Encrypt and send several pieces as one."""
        self.write(b"".join(list_of_data))

    def close(self) -> None:
        """Say close_notify, send what is left, then close."""
        if self._closing:
            return
        self._closing = True
        with contextlib.suppress(ssl.SSLError):  # the peer's own close_notify isn't waited for
            self._tls.unwrap()
        self._flush()
        self._transport.close()

    def abort(self) -> None:
        """Drop the connection; without close_notify the peer can tell that something is missing."""
        self._closing = True
        self._transport.abort()

    def is_closing(self) -> bool:
        """Whether it is closing or closed."""
        return self._closing or self._transport.is_closing()

    def pause_reading(self) -> None:
        """Deliver nothing more for now."""
        self._paused = True
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Deliver again, first what was decrypted or received before."""
        if self._paused:
            self._paused = False
            asyncio.get_running_loop().call_soon(self._read_on)

    def _read_on(self) -> None:
        self._read()
        if not self._paused and not self.is_closing():
            self._transport.resume_reading()

    def hand_over(self, inner: Inner) -> None:
        """Another protocol takes over."""
        self._inner = inner

    def can_write_eof(self) -> bool:
        """TLS has no half-close that peers understand."""
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the outer transport knows, and the TLS object."""
        return self._tls if name == "ssl_object" else self._transport.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        """How many bytes wait for the peer to read."""
        return self._transport.get_write_buffer_size()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Limits are those of the outer transport: what is encrypted is what waits."""
        self._transport.set_write_buffer_limits(high, low)
