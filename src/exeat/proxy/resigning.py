"""A body whose chunks are signed, on its way: each chunk is verified and signed anew before it goes on."""

from typing import final

from exeat.errors import GatewayError
from exeat.policy.sign.aws_chunks import Resigner
from exeat.proxy.exchange import BodySink, Exchange


def sink_of(exchange: Exchange, connection: BodySink) -> BodySink:
    """Where the body of an exchange goes, so that it reaches a connection as its head was signed."""
    resigner = exchange.resigner
    return connection if resigner is None else Resigning(exchange, resigner, connection)


@final
class Resigning:
    """Takes a body, and passes on what is signed anew; a chunk that isn't right ends the exchange."""

    __slots__ = ("_connection", "_exchange", "_is_over", "_resigner")

    def __init__(self, exchange: Exchange, resigner: Resigner, connection: BodySink) -> None:
        self._exchange = exchange
        self._resigner = resigner
        self._connection = connection
        self._is_over = False

    def send_body(self, content: bytes) -> None:
        """Take the next bytes."""
        if self._is_over:
            return
        try:
            signed = self._resigner.feed(content)
        except GatewayError as error:
            self._fail(error)
            return
        if signed:
            self._connection.send_body(signed)

    def end_body(self, trailers: list[bytes]) -> None:
        """The body is complete."""
        if self._is_over:
            return
        try:
            self._resigner.end()
        except GatewayError as error:
            self._fail(error)
            return
        self._connection.end_body(trailers)

    def _fail(self, error: GatewayError) -> None:
        self._is_over = True
        self._exchange.drive.interrupt(error)
