"""One connection of a caller: its requests read in order, one served at a time.

Rule 1: the next request is read only when the one before is answered (pipelining is served in order).
Rule 2: where the framing is in doubt, the connection says `Connection: close` and reads nothing more as a request.
Rule 3: memory is bounded: a full buffer stops reading, a slow reader stops its upstream.
"""

import asyncio
import re
from typing import final

from exeat.errors import Code, GatewayError
from exeat.policy.forward import expects_continue
from exeat.policy.forwarded import is_https
from exeat.proxy.connections import IDLE_S
from exeat.proxy.exchange import Exchange
from exeat.proxy.receiving import Receiving
from exeat.proxy.runtime import Runtime
from exeat.wire.body import reader_of
from exeat.wire.fields import options
from exeat.wire.http1 import RequestHead, check_partial, parse_request

WRITE_HIGH_BYTES = 128 * 1024
REQUESTS_PER_TURN = 16
DISCARD_LIMIT_BYTES = 4 * 1024 * 1024  # a caller that sends before it reads may be that far ahead
EMPTY_LIMIT_BYTES = 64
LINGER_S = 2.0
HALF_CLOSED_S = 0.7
_CR = 0x0D
_EMPTY_LINES = re.compile(rb"(?:\r\n)+")  # ignored before a request (RFC 9112 §2.2)


@final
class Downstream(Receiving):
    """A caller's connection. It is the Caller of the exchange that it serves."""

    def __init__(self, runtime: Runtime, *, secure: bool) -> None:
        super().__init__(runtime)
        self._secure = secure
        self._limits = runtime.limits
        self.peer = ""
        self.address = ""
        self._serving = False
        self._lingers = False
        self._half_closed = False
        self._has_served = False
        self._judged = 0  # bytes of a head that isn't whole yet
        self._empty_bytes = 0  # of empty lines before a head
        self._unsent = 0  # bytes that the caller hadn't read at the last visit of the clock
        self._taken_at = 0.0
        self._discarded = 0

    # Lifetime

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller has connected."""
        self.transport = transport  # type: ignore[assignment]  # uvloop's is one without saying so
        self.transport.set_write_buffer_limits(WRITE_HIGH_BYTES)
        peer = transport.get_extra_info("peername")
        self.peer = self.address = peer[0] if isinstance(peer, tuple) else ""
        self._since = self._runtime.clock()
        if not self._runtime.connections.add(self):
            self._refuse(GatewayError(Code.OVERLOADED, "The gateway holds as many connections as it may.", closes=True))
            self.transport.close()  # at once: a connection that lingers would take the room of another

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - how it was lost changes nothing
        """The caller is gone: its exchange ends, and with it the call to the upstream."""
        self._lost = True
        self._runtime.connections.discard(self)
        self._leave("The caller closed the connection.")

    def eof_received(self) -> bool:
        """The caller sends nothing more. It may still read (a half-close), or be gone: a FIN looks the same.

        An exchange under way goes on as long as its answer doesn't rest: writing it shows whether someone reads.
        """
        exchange = self._exchange
        if self._lingers or (exchange is None and not self._has_requests()):
            self._outbox.flush()  # an answer made in this turn goes before the close
            return False
        if self._body is not None:
            self._leave("The caller ended the connection in the middle of its request.")
            return False
        self._half_closed = True
        if exchange is not None:
            exchange.left_at = self._runtime.clock()
        return True

    def _has_requests(self) -> bool:
        """Whether a whole head waits in the buffer."""
        return b"\r\n\r\n" in self._buffer

    def _leave(self, detail: str) -> None:
        exchange = self._exchange
        if exchange is not None:
            exchange.drive.interrupt(GatewayError(Code.CLIENT_CLOSED, detail))

    def resume_writing(self) -> None:
        """The caller reads again."""
        self._paused = False
        exchange = self._exchange
        if exchange is not None:
            if exchange.source is not None:
                exchange.source.resume()
        elif self._buffer:
            self._serve()

    def sweep(self, now: float) -> None:
        """Deadlines of this side: a head, a body or the next request that doesn't come, a close that isn't seen."""
        exchange = self._exchange
        if exchange is None:
            self._sweep_idle(now)
            return
        self._unsent = 0
        if self._half_closed and self._seems_gone(exchange, now):
            self._leave("The caller closed the connection in the middle of its answer.")
        elif now - self._since > self._limits.body_s and self._waits_for_body(exchange):
            exchange.drive.interrupt(GatewayError(Code.CLIENT_TIMEOUT, "The body stopped arriving.", closes=True))

    def _sweep_idle(self, now: float) -> None:
        unsent = self.transport.get_write_buffer_size()
        if unsent != self._unsent:
            self._unsent = unsent
            self._taken_at = now
        waited = now - max(self._since, self._taken_at)
        if unsent:  # an answer whose end isn't read, whether or not the connection is to close after it
            if now - self._taken_at > self._limits.body_s:
                self.transport.abort()
        elif self._lingers:
            if waited > LINGER_S:
                self.transport.abort()
        elif self._buffer:
            if waited > self._limits.head_s:
                self._refuse(GatewayError(Code.CLIENT_TIMEOUT, "The head did not arrive in time.", closes=True))
        elif waited > self._limits.keep_alive_s:
            self.transport.close()

    def _seems_gone(self, exchange: Exchange, now: float) -> bool:
        """Whether nothing has moved since the caller's FIN that would have shown whether someone still reads."""
        left = exchange.left_at
        if left is None or not self.has_begun or self._paused:
            return False
        return now - max(left, exchange.moved_at) > HALF_CLOSED_S

    def _waits_for_body(self, exchange: Exchange) -> bool:
        wanted = self._body is not None and self._sink is not None and not self._body_paused
        return wanted and not exchange.waits_to_continue and not self.has_begun

    def drain(self, now: float) -> None:
        """The runtime shuts down: close between requests, but not when another may be on its way.

        That one is told that it is the last (`Connection: close`). An answer that has begun before wasn't.
        """
        rests = self._exchange is None and not self._buffer and not self._lingers
        if rests and now - self._since >= IDLE_S:
            self._outbox.flush()  # an answer made in this turn goes before the close
            self.transport.close()

    def idle_since(self) -> tuple[bool, float] | None:
        """Whether it has sent a request before, and since when it does nothing; None while it is answered."""
        if self._exchange is not None or self._paused or self.transport.get_write_buffer_size():
            return None
        return self._has_served, self._since

    # Requests

    def data_received(self, data: bytes) -> None:
        """Bytes of a request, of its body, or of the requests after it."""
        if self._lingers:
            self._discarded += len(data)
            if self._discarded > DISCARD_LIMIT_BYTES:
                self.transport.abort()
        elif self._exchange is None:
            if self._body is not None:
                self._skip(data)
                data = b""
            elif not self._buffer and data[0] != _CR:
                self._since = self._runtime.clock()
            self._buffer = self._buffer + data if self._buffer else data
            self._serve()
        elif self._body is not None and self._sink is not None:
            self._since = self._runtime.clock()
            self._feed(data)
        else:
            self._buffer = self._buffer + data if self._buffer else data
            self._pause_if_full()

    def _serve(self) -> None:
        """Serve the requests in the buffer, a few per turn of the loop so that others aren't held up."""
        if self._serving:
            return
        self._serving = True
        try:
            for _ in range(REQUESTS_PER_TURN):
                if self._exchange is not None or not self._buffer or self._lingers or self._paused or self._lost:
                    return
                if not self._begin():
                    return
            asyncio.get_running_loop().call_soon(self._serve)
        except GatewayError as error:
            self._refuse(error)
        finally:
            self._serving = False
            self._close_if_left()

    def _close_if_left(self) -> None:
        """Close after the last answer to a caller that sends nothing more."""
        if self._half_closed and not self._lost and not self._is_serving() and not self._has_requests():
            self._close()

    def _begin(self) -> bool:
        """Begin the exchange of the request that is first in the buffer; whether its head was whole."""
        buffer = self._buffer
        if buffer[0] == _CR and (empty := _EMPTY_LINES.match(buffer)):
            buffer = self._buffer = self._without(buffer, empty.end())
        end = buffer.find(b"\r\n\r\n", max(self._judged - 3, 0))
        if not 0 <= end <= self._limits.head_bytes:
            check_partial(buffer, self._judged, self._limits)
            self._judged = len(buffer)
            return False
        self._judged = 0
        self._buffer = buffer[end + 4 :]
        head = parse_request(buffer[:end], self._limits)
        self._take(head)
        self._runtime.serve(self._start(head), self.finished)
        return True

    def _without(self, buffer: bytes, empty: int) -> bytes:
        """What follows empty lines. They are no request: neither do they keep a connection, nor may there be many."""
        self._empty_bytes += empty
        if self._empty_bytes > EMPTY_LIMIT_BYTES:
            raise GatewayError(Code.MALFORMED_REQUEST, "Too many empty lines before a request.", closes=True)
        if len(buffer) > empty:
            self._since = self._runtime.clock()
        return buffer[empty:]

    def _take(self, head: RequestHead) -> None:
        self.has_begun = False
        self._has_served = True
        self._empty_bytes = 0
        self._sink = None
        self._body = reader_of(head.length, chunked=head.chunked) if head.has_body else None
        connection = head.known.get(b"connection")
        closes = not head.is_1_1 or (connection is not None and b"close" in options(connection))
        self._keep = not closes and not self._runtime.draining

    def _start(self, head: RequestHead | None) -> Exchange:
        exchange = self._exchange = self._runtime.exchange(head, self)
        if head is not None and self._runtime.trusted and self._runtime.trusts(self.peer):
            self.address = self._runtime.forwarded_for(head, self.peer)
        exchange.address = self.address
        if head is not None and head.has_body:
            exchange.waits_to_continue = expects_continue(head)
        return exchange

    @property
    def gateway(self) -> bytes:
        """`scheme://host[:port]` as the caller addresses the gateway."""
        head = None if self._exchange is None else self._exchange.head
        if head is None:
            return b""
        secure = self._secure
        if self._runtime.trusts(self.peer) and b"x-forwarded-proto" in head.known:
            secure = is_https(head.known[b"x-forwarded-proto"])
        return (b"https://" if secure else b"http://") + head.known.get(b"host", b"")

    def _refuse(self, error: GatewayError) -> None:
        """Answer a request whose head can't be understood."""
        self._keep = False
        self._more_may_come = True
        self._buffer = b""
        self._body = None
        self.has_begun = False
        self._runtime.refuse(self._start(None), error)
        self.finished()

    def finished(self) -> None:
        """The exchange is over: read on, or close."""
        self._exchange = None
        self._sink = None
        if self._lost:
            return
        if self._body is not None and self._keep:
            data, self._buffer = self._buffer, b""
            self._skip(data)
        if not self._keep:
            self._close()
            return
        self._since = self._runtime.clock()
        if self._pausing:
            self._resume_if_drained()
        if self._buffer:
            self._outbox.relieve()  # whoever doesn't read an answer isn't served the next one
            self._serve()
        if not self._serving:
            self._close_if_left()

    def _is_serving(self) -> bool:
        return self._exchange is not None

    def _skip(self, data: bytes) -> None:
        """Discard the rest of a body that nobody wants any more."""
        body = self._body
        if body is None:
            return
        try:
            body.feed(data)
        except GatewayError:
            self._keep = False
            self._close()
            return
        if body.done:
            self._body = None
            self._buffer = body.rest

    def _close(self) -> None:
        """Close so that the caller can read all of the answer: bytes it still sends are discarded for a while.

        Closing a socket with unread bytes sends RST, which could take the answer away from under the caller.
        """
        transport = self.transport
        if transport.is_closing():
            return
        clean = not self._buffer and self._body is None and not self._more_may_come
        half_closes = transport.can_write_eof()  # TLS can't: its caller learns from Connection: close
        if clean or self._half_closed or (self._bare and not half_closes):
            self._outbox.flush()
            transport.close()
            return
        self._lingers = True
        self._since = self._runtime.clock()
        self._buffer = b""
        self._body = None
        self._outbox.flush()
        if half_closes:
            transport.write_eof()
        if self._pausing:
            self._pausing = False
            transport.resume_reading()
