"""The bodies of requests on a caller's connection: read as they come, and passed to whoever takes them.

Rule 1: memory is bounded: what nobody takes yet is kept up to a limit, then reading stops.
Rule 2: one read costs a bounded time: a body in very many chunks is read over several turns of the loop.
"""

import asyncio

from exeat.errors import GatewayError
from exeat.policy.forward import trailers_to_forward
from exeat.proxy.answering import Answering
from exeat.proxy.exchange import BodySink
from exeat.proxy.runtime import Runtime

BUFFER_LIMIT_BYTES = 128 * 1024


class Receiving(Answering):
    """The side of a caller's connection that receives bodies. `_buffer` is what came and isn't read yet."""

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(runtime)
        self._buffer = b""
        self._sink: BodySink | None = None
        self._pausing = False
        self._body_paused = False
        self._reads_on = False  # in the next turn of the loop
        self._more_may_come = False

    def pump_body(self, sink: BodySink) -> None:
        """Send the body to `sink`: what is there now, and the rest as it arrives."""
        if self._body is None:
            return
        self._sink = sink
        self._since = self._runtime.clock()
        data, self._buffer = self._buffer, b""
        if data:
            self._feed(data)
        self._resume_if_drained()

    def _feed(self, data: bytes) -> None:
        body, sink, exchange = self._body, self._sink, self._exchange
        if body is None or sink is None or exchange is None:
            return
        try:
            content = body.feed(data)
        except GatewayError as error:
            self._body = None
            self._keep = False
            self._more_may_come = True
            exchange.drive.interrupt(error)
            return
        if content:
            exchange.bytes_in += len(content)
            if exchange.capture is not None:
                exchange.capture.request.take(content)
            sink.send_body(content)
        if body.done:
            self._body = None
            self._buffer = body.rest
            sink.end_body(trailers_to_forward(body.trailers, exchange.presented) if body.trailers else [])
            self._pause_if_full()
        elif body.has_more and not self._reads_on:
            self._reads_on = True
            self._pause()
            asyncio.get_running_loop().call_soon(self._feed_on)

    def _feed_on(self) -> None:
        self._reads_on = False
        self._feed(b"")
        self._resume_if_drained()

    def pause_body(self) -> None:
        """The sink is full."""
        self._body_paused = True
        self._pause()

    def resume_body(self) -> None:
        """The sink takes more."""
        self._body_paused = False
        self._since = self._runtime.clock()
        self._resume_if_drained()

    def _pause(self) -> None:
        if not self._pausing:
            self._pausing = True
            self.transport.pause_reading()

    def _pause_if_full(self) -> None:
        if len(self._buffer) > BUFFER_LIMIT_BYTES:
            self._pause()

    def _resume_if_drained(self) -> None:
        waits = self._body_paused or self._reads_on or len(self._buffer) > BUFFER_LIMIT_BYTES
        if self._pausing and not waits:
            self._pausing = False
            if not self._lost and not self.transport.is_closing():
                self.transport.resume_reading()
