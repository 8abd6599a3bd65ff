"""The answers on a caller's connection: how each one is framed, kept within what the caller reads, and ended.

Rule 1: an answer's head and first content leave in one write.
Rule 2: an answer that can't be completed is ended so that the caller can see it: a cut body never ends cleanly.
Rule 3: a caller that reads slowly stops the upstream that its answer comes from.
"""

import asyncio
import socket
import struct

from exeat.errors import Code
from exeat.proxy.exchange import Answer, Caller, Exchange, Flow
from exeat.proxy.runtime import Runtime
from exeat.proxy.timing import render_server_timing
from exeat.wire.body import BodyReader, render_chunk, render_last_chunk
from exeat.wire.fields import options
from exeat.wire.http1 import render_response

SKIP_LIMIT_BYTES = 256 * 1024
NO_BODY = frozenset({204, 304})  # RFC 9110 §15.3.5, §15.4.5
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: closing sends RST
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LAST_CHUNK = render_last_chunk([])


class Answering(Caller):
    """The side of a caller's connection that answers. `_keep` says whether the connection goes on afterwards."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._outbox = runtime.outbox
        self.transport: asyncio.Transport
        self.has_begun = False
        self._exchange: Exchange | None = None
        self._body: BodyReader | None = None
        self._keep = True
        self._chunked = False
        self._bare = False
        self._paused = False
        self._lost = False
        self._since = 0.0

    def pause_writing(self) -> None:
        """The caller reads slowly: its upstream waits."""
        self._paused = True
        exchange = self._exchange
        if exchange is not None and exchange.source is not None:
            exchange.source.pause()

    def interim(self, status: int, reason: bytes, fields: list[bytes]) -> None:
        """Pass on a 1xx; HTTP/1.0 doesn't know them (RFC 9110 §15.2)."""
        exchange = self._exchange
        if exchange is None or exchange.head is None or not exchange.head.is_1_1 or self._lost or self.has_begun:
            return
        if status == 100:  # noqa: PLR2004 - Continue
            if exchange.waits_to_continue:
                exchange.waits_to_continue = False
                self._since = self._runtime.clock()
                self._outbox.write(self.transport, _CONTINUE)
            return
        self._outbox.write(self.transport, render_response(status, reason, fields, b""))

    def begin(self, answer: Answer, content: bytes, *, done: bool) -> None:
        """Send head and first content in one write."""
        exchange = self._exchange
        if exchange is None or self._lost:
            return
        if exchange.error == Code.CLIENT_CLOSED:
            self._keep = False
            return  # 499 is a word for logs: nobody is there to read it
        self.has_begun = True
        exchange.status = answer.status
        if exchange.closes:
            self._keep = False
        elif self._body is not None and self._keep:
            self._keep = self._can_skip(exchange)
        exchange.waits_to_continue = False
        head = render_response(answer.status, answer.reason, answer.fields, self._framing(answer, exchange))
        if not content:
            self._outbox.write(self.transport, head)
            if done and self._chunked:
                self._outbox.write(self.transport, _LAST_CHUNK)
            return
        exchange.bytes_out += len(content)
        if answer.origin == b"upstream":
            exchange.look_at(content)
        if not self._chunked:
            self._outbox.write(self.transport, head + content, last=done)
        elif done:
            self._outbox.write(self.transport, head + render_chunk(content) + _LAST_CHUNK, last=True)
        else:
            self._outbox.write(self.transport, head + render_chunk(content))

    def _framing(self, answer: Answer, exchange: Exchange) -> bytes:
        """The lines that this gateway writes: framing, Date, its own marks, and whether the connection goes on."""
        request = exchange.head
        self._chunked = False
        self._bare = False
        lines = b""
        is_head = request is not None and request.method == b"HEAD"
        if answer.length is not None:
            if answer.status != 204:  # noqa: PLR2004 - RFC 9110 §8.6: no Content-Length in 204
                lines = b"Content-Length: %d\r\n" % answer.length
        elif not is_head and answer.status not in NO_BODY:
            if request is None or request.is_1_1:
                self._chunked = True
                lines = b"Transfer-Encoding: chunked\r\n"
            else:
                self._bare = True
                self._keep = False
        if not self._keep or self._runtime.draining:
            self._keep = False
            lines += b"Connection: close\r\n"
        lines += self._runtime.marks(exchange.id, answer.origin)
        if exchange.is_debugged:
            lines += render_server_timing(exchange, self._runtime.clock())
        return lines if exchange.told is None else lines + self._runtime.admission.tell(exchange)

    def attach(self, source: Flow) -> None:
        """The rest of the answer comes from `source`; it waits if the first part filled the buffer already."""
        if self._exchange is not None:
            self._exchange.source = source
        if self._paused:
            source.pause()

    def content(self, content: bytes, *, last: bool) -> None:
        """Send more content."""
        exchange = self._exchange
        if exchange is None or self._lost:
            return
        exchange.bytes_out += len(content)
        exchange.look_at(content)
        if self._chunked:
            self._outbox.write(self.transport, render_chunk(content))  # its end follows
        else:
            self._outbox.write(self.transport, content, last=last)

    def end(self, trailers: list[bytes]) -> None:
        """Finish the framing of the answer."""
        exchange = self._exchange
        if self._chunked and not self._lost and exchange is not None and exchange.head is not None:
            wanted = b"trailers" in options(exchange.head.known.get(b"te", b""))
            self._outbox.write(self.transport, render_last_chunk(trailers if wanted else []))

    def abort(self, code: Code) -> None:
        """End an answer that can't be completed, so that the caller can see it: its framing stays open.

        An event stream is told why. A body that ends with its connection can only be reset.
        """
        exchange = self._exchange
        self._keep = False
        if self._lost or exchange is None:
            return
        if self._bare:
            sock = self.transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()
            return
        if exchange.is_stream and self._chunked:
            event = b'event: error\ndata: {"code":"%b","request_id":"%b"}\n\n' % (code.encode(), exchange.id.encode())
            self._outbox.write(self.transport, render_chunk(event))
        self._outbox.flush()
        if self._paused:
            self.transport.abort()
        else:
            self.transport.close()

    def _can_skip(self, exchange: Exchange) -> bool:
        """Whether what is left of the body is little and sure to come, so that the connection can go on."""
        head = exchange.head
        if head is None or exchange.waits_to_continue:
            return False  # without 100 the caller may or may not send its body: the framing is in doubt
        return head.length is not None and head.length <= SKIP_LIMIT_BYTES
