"""One connection to an upstream: one request at a time, its response as it arrives.

Rule 1: a connection that saw anything odd (bytes nobody asked for, an answer before the request was complete, an end
in the middle) is closed, never used again.
Rule 2: every failure becomes a GatewayError here and goes to whoever waits for the response.
"""

import asyncio
import ssl
from collections.abc import Callable
from typing import final

from exeat.errors import Code, GatewayError
from exeat.model.limits import Limits
from exeat.model.secret import Secret
from exeat.model.upstream import Route
from exeat.policy.rewrite import echoes, scrub, scrub_text
from exeat.proxy.drive import Wait
from exeat.proxy.exchange import Caller
from exeat.proxy.outbox import Outbox
from exeat.wire.body import BodyReader, render_chunk, render_last_chunk, response_reader
from exeat.wire.fields import options
from exeat.wire.http1 import ResponseHead, parse_response

INTERIM_LIMIT = 32
HELD_S = 0.05
WRITE_HIGH_BYTES = 128 * 1024


# What the next bytes of a connection are. Plain numbers: an Enum's members cost more to compare than a number.
IDLE, HEAD, BODY, CLOSED = range(4)


@final
class UpstreamConnection:
    """A connection of the pool. `idle_since` is set by the pool; `moved_at` is the loop's time of the last bytes."""

    def __init__(self, route: Route, outbox: Outbox, limits: Limits) -> None:
        self.route = route
        self._limits = limits
        self._outbox = outbox
        self.lost: Callable[[UpstreamConnection], None] | None = None
        self.idle_since = 0.0
        self.moved_at = 0.0
        self.served = 0
        self.is_reused = False
        self.is_open = False
        self.transport: asyncio.Transport
        self.address: str | None = None
        self._state = IDLE
        self._buffer = b""
        self.raw_head = b""
        self._reader: BodyReader | None = None
        self.trailers: list[bytes] = []
        self.needles: tuple[Secret, ...] = ()
        self._caller: Caller | None = None
        self._method = b""
        self._head: Wait[ResponseHead] = Wait()
        self._end: Wait[None] | None = None
        self._chunked_out = False
        self._held = b""
        self._sending = False
        self._reusable = False
        self._interims = 0
        self._eof = False
        self._paused = False
        self._reads_on = False
        self._time: Callable[[], float]

    # Lifetime

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection is ready for its first request."""
        self.transport = transport  # type: ignore[assignment]  # uvloop's is one without saying so
        self.transport.set_write_buffer_limits(WRITE_HIGH_BYTES)
        peer = transport.get_extra_info("peername")
        self.address = peer[0] if isinstance(peer, tuple) else None
        self._time = asyncio.get_running_loop().time
        self.is_open = True

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone: whoever waits is told how far it got."""
        state, self._state = self._state, CLOSED
        self.is_open = False
        if self.lost is not None:
            self.lost(self)
        if state == HEAD:
            self._head.fail(self._closed_early(exc))
        elif state == BODY and self._reader is not None:
            if self._eof and self._reader.close():
                self._finish()
            elif self._end is not None:
                self._end.fail(_cut())

    def _closed_early(self, exc: Exception | None) -> GatewayError:
        if isinstance(exc, ssl.SSLError):
            return GatewayError(Code.TLS_FAILED, "The upstream ended the TLS connection with an alert.")
        if self._buffer or self._interims:
            return GatewayError(Code.UPSTREAM_MALFORMED, "The upstream's answer ended in the middle of its head.")
        return GatewayError(Code.UPSTREAM_CLOSED, "The upstream closed the connection before it answered.")

    def eof_received(self) -> bool:
        """The upstream has finished sending: a clean end for a body that ends with its connection."""
        self._eof = True
        self.is_open = False
        return False

    def close(self) -> None:
        """Close at once; nobody is told."""
        self._state = CLOSED
        self.is_open = False
        self._caller = None
        self.transport.abort()

    @property
    def is_reusable(self) -> bool:
        """Whether another request may follow the one that has ended."""
        return self._reusable and self.is_open and self._state == IDLE and not self._paused

    @property
    def has_sent(self) -> bool:
        """Whether anything of the request has left."""
        return not self._held

    @property
    def is_sending(self) -> bool:
        """Whether the request isn't complete yet."""
        return self._sending

    # One request

    def send(
        self, head: bytes, method: bytes, caller: Caller | None, *, chunked: bool, has_body: bool, held: bool = False
    ) -> Wait[ResponseHead]:
        """Send the head of a request; the result brings the head of its response. Without a caller, nobody gets more.

        A `held` head leaves with the first content, unless that is slow to come: a body that is malformed from the
        start is refused before anything of the request has left.
        """
        self._state = HEAD
        self._method = method
        self._caller = caller
        self._chunked_out = chunked
        self._sending = has_body
        self._reusable = False
        self._interims = 0
        wait: Wait[ResponseHead] = Wait()
        self._head = wait
        self.served += 1
        self._held = head if held else b""
        if held:
            asyncio.get_running_loop().call_later(HELD_S, self._send_held, wait)
        else:
            self._outbox.write(self.transport, head)
        return wait

    def _send_held(self, wait: Wait[ResponseHead]) -> None:
        if wait is self._head and self._state == HEAD and self._held:
            self._write(b"")

    def _write(self, data: bytes) -> None:
        if self._held:
            data, self._held = self._held + data, b""
        self._outbox.write(self.transport, data)

    def send_body(self, content: bytes) -> None:
        """Send content of the request's body."""
        if self._sending and self._state in {HEAD, BODY}:
            self.moved_at = self._time()
            self._write(render_chunk(content) if self._chunked_out else content)

    def end_body(self, trailers: list[bytes]) -> None:
        """The request is complete."""
        if self._sending:
            self._sending = False
            if self._chunked_out and self._state != CLOSED:
                self._write(render_last_chunk(trailers))

    def pause_writing(self) -> None:
        """The upstream reads slowly: the caller's body waits."""
        if self._caller is not None:
            self._caller.pause_body()

    def resume_writing(self) -> None:
        """The upstream reads again."""
        if self._caller is not None:
            self._caller.resume_body()

    # Its response

    def data_received(self, data: bytes) -> None:
        """Bytes of a response, or bytes that nobody asked for."""
        if self._state == HEAD:
            self._buffer = self._buffer + data if self._buffer else data
            try:
                self._read_head()
            except GatewayError as error:
                self._break(self._head, error)
        elif self._state == BODY:
            self._read_body(data)
        else:
            self.close()

    def _read_head(self) -> None:
        while self._state == HEAD:
            buffer = self._buffer
            end = buffer.find(b"\r\n\r\n")
            if not 0 <= end <= self._limits.head_bytes:
                _check_partial(buffer, self._limits)
                return
            self.raw_head = raw = buffer[:end]
            head = parse_response(raw, self._limits)
            self._buffer = buffer[end + 4 :]
            if head.status < 200:  # noqa: PLR2004 - interim
                self._read_interim(head)
                continue
            self._state = BODY
            self._reader = reader = response_reader(self._method, head.status, head.length, chunked=head.chunked)
            connection = head.known.get(b"connection")
            self._reusable = (
                head.is_1_1
                and (head.length is not None or head.chunked or reader.done)
                and (connection is None or b"close" not in options(connection))
            )
            self._head.set(head)

    def _read_interim(self, head: ResponseHead) -> None:
        self._interims += 1
        if head.status == 101 or self._interims > INTERIM_LIMIT:  # noqa: PLR2004 - nobody asked for an upgrade
            raise GatewayError(Code.UPSTREAM_MALFORMED, "The upstream sent an interim answer that nobody asked for.")
        if self._caller is None:
            return
        fields, reason = head.fields, head.reason
        if echoes(self.raw_head, self.needles):
            fields, reason = scrub(fields, self.needles), scrub_text(reason, self.needles)
        self._caller.interim(head.status, reason, fields)

    def begin_body(self) -> tuple[bytes, bool]:
        """The content that came with the head, and whether it is all of it; `trailers` are set then."""
        reader, data = self._reader, self._buffer
        assert reader is not None  # noqa: S101 - the head was delivered
        self._buffer = b""
        try:
            content = reader.feed(data) if data else b""
        except GatewayError as error:
            raise _malformed(error) from error
        if reader.done:
            self._complete(reader)
        return content, reader.done

    def turn_to(self, caller: Caller) -> None:
        """The rest of the answer is for another caller than the one who asked."""
        self._caller = caller

    def relay(self) -> Wait[None]:
        """Send the rest of the body to the caller as it arrives; the result comes at its end."""
        self.moved_at = self._time()
        end: Wait[None] = Wait()
        self._end = end
        if self._state == CLOSED:
            end.fail(_cut())
        elif self._reader is not None and self._reader.has_more:
            self._read_later()
        return end

    def _read_body(self, data: bytes) -> None:
        reader, caller = self._reader, self._caller
        if reader is None or caller is None:
            self.close()
            return
        self.moved_at = self._time()
        try:
            content = reader.feed(data)
        except GatewayError as error:
            if self._end is not None:
                self._break(self._end, error)
            return
        if content:
            caller.content(content, last=reader.done)
        if reader.done:
            self._finish()
        elif reader.has_more:
            self._read_later()

    def _read_later(self) -> None:
        """Read the rest of very many chunks in another turn of the loop, when others have had theirs."""
        if not self._reads_on:
            self._reads_on = True
            self.transport.pause_reading()
            asyncio.get_running_loop().call_soon(self._read_on)

    def _read_on(self) -> None:
        if self._paused or self._state != BODY:
            return  # resume() comes back here, or nobody waits for it any more
        self._reads_on = False
        self._read_body(b"")
        self._resume_reading()

    def _resume_reading(self) -> None:
        if not (self._reads_on or self._paused or self.transport.is_closing()):
            self.transport.resume_reading()

    def _finish(self) -> None:
        reader, caller = self._reader, self._caller
        assert reader is not None  # noqa: S101 - there was a body
        self._complete(reader)
        if caller is not None:
            caller.end(self.trailers)
        if self._end is not None:
            self._end.set(None)

    def _complete(self, reader: BodyReader) -> None:
        """The response is complete; what follows decides whether the connection is."""
        self.trailers = scrub(reader.trailers, self.needles) if reader.trailers else []
        if reader.rest or self._sending or self._reads_on:
            self._reusable = False
        if self._state != CLOSED:
            self._state = IDLE
        self._reader = None
        self._caller = None if not self._sending else self._caller
        self._buffer = b""

    def _break(self, wait: Wait[ResponseHead] | Wait[None], error: GatewayError) -> None:
        """The response can't be understood."""
        self.close()
        wait.fail(error if error.code == Code.UPSTREAM_MALFORMED else _malformed(error))

    def pause(self) -> None:
        """Stop reading: the caller can't keep up."""
        if self._state == BODY and not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._paused:
            self._paused = False
            if self._state != CLOSED and not self.transport.is_closing():
                self.moved_at = self._time()
                if self._reads_on:
                    self._read_on()
                else:
                    self.transport.resume_reading()


def _check_partial(buffer: bytes, limits: Limits) -> None:
    if len(buffer) > limits.head_bytes:
        detail = f"The head of the upstream's answer is larger than {limits.head_bytes} bytes."
        raise GatewayError(Code.UPSTREAM_MALFORMED, detail)
    start = b"HTTP/1."
    if not buffer.startswith(start[: len(buffer)]):
        raise GatewayError(Code.UPSTREAM_MALFORMED, "The upstream doesn't speak HTTP/1.1.")


def _malformed(error: GatewayError) -> GatewayError:
    """What is wrong with a body is said as it would be to a caller; here it is the upstream's."""
    return GatewayError(Code.UPSTREAM_MALFORMED, f"In the upstream's answer: {error.detail}")


def _cut() -> GatewayError:
    return GatewayError(Code.UPSTREAM_CLOSED, "The upstream's answer ended in the middle.")
