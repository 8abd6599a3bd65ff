"""The caller of an answer that nobody gets: whatever comes is dropped."""

from exeat.errors import Code
from exeat.proxy.exchange import Answer, BodySink, Caller, Flow


class Nobody(Caller):
    """It has no request that could be sent, and never holds anything up."""

    @property
    def gateway(self) -> bytes:
        """Nothing is rewritten."""
        return b""

    def pump_body(self, sink: BodySink) -> None:
        """There is no request."""

    def interim(self, status: int, reason: bytes, fields: list[bytes]) -> None:
        """Drop it."""

    def begin(self, answer: Answer, content: bytes, *, done: bool) -> None:
        """Drop it."""

    def attach(self, source: Flow) -> None:
        """Nothing is ever too much."""

    def content(self, content: bytes, *, last: bool) -> None:
        """Drop it."""

    def end(self, trailers: list[bytes]) -> None:
        """Nobody waits for it."""

    def abort(self, code: Code) -> None:
        """Nobody is to be told."""

    def pause_body(self) -> None:
        """There is no request."""

    def resume_body(self) -> None:
        """There is no request."""
