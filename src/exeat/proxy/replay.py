"""A request's body on its way to the upstream, kept as far as it may have to be sent again.

Rule 1: memory is bounded: a body that grows beyond what is kept isn't kept at all, and streams on.
Rule 2: between two attempts nothing is lost: what comes then waits here, and the caller waits where it is too much.
"""

from typing import final

from exeat.proxy.exchange import BodySink, Caller, Exchange


@final
class Replay:
    """Takes a body from its caller, and passes it on to the connection of the attempt that is under way."""

    __slots__ = ("_caller", "_connection", "_ended", "_kept", "_limit", "_trailers", "is_whole")

    def __init__(self, caller: Caller, connection: BodySink, limit: int) -> None:
        self._caller = caller
        self._connection: BodySink | None = connection
        self._limit = limit
        self._kept = bytearray()
        self._ended = False
        self._trailers: list[bytes] = []
        self.is_whole = True

    def send_body(self, content: bytes) -> None:
        """Keep content, and pass it on."""
        connection = self._connection
        if self.is_whole:
            if connection is None:
                self._kept += content
                if len(self._kept) > self._limit:
                    self._caller.pause_body()
                return
            if len(self._kept) + len(content) <= self._limit:
                self._kept += content
            else:
                self.forget()
        if connection is not None:
            connection.send_body(content)

    def end_body(self, trailers: list[bytes]) -> None:
        """The body is complete."""
        self._ended = True
        self._trailers = trailers
        if self._connection is not None:
            self._connection.end_body(trailers)

    def leave(self) -> None:
        """The attempt has failed, and another one is to follow."""
        self._connection = None
        self._caller.resume_body()  # the connection may have held it back

    def go_to(self, connection: BodySink) -> None:
        """Send everything so far on another connection, and the rest as it comes."""
        self._connection = connection
        kept = bytes(self._kept)
        if len(kept) > self._limit:
            self.forget()
            self._caller.resume_body()
        if kept:
            connection.send_body(kept)
        if self._ended:
            connection.end_body(self._trailers)

    def forget(self) -> None:
        """There will be no other attempt."""
        self.is_whole = False
        self._kept = bytearray()


def give_body(exchange: Exchange, connection: BodySink, keeps_bytes: int) -> None:
    """Send the body on a connection: what was kept of it, what has come, and the rest as it comes."""
    replay, caller = exchange.replay, exchange.caller
    if replay is not None:
        replay.go_to(connection)
    elif keeps_bytes and (exchange.head_or_raise.length or 0) <= keeps_bytes:
        exchange.replay = replay = Replay(caller, connection, keeps_bytes)
        caller.pump_body(replay)
    else:
        caller.pump_body(connection)


def is_lost(exchange: Exchange) -> bool:
    """Whether content of the body was taken from the caller that isn't kept."""
    replay = exchange.replay
    if exchange.gathered is not None:
        return False
    if replay is not None:
        return not replay.is_whole
    # Of chunks that nobody keeps, the last one may have been taken, too, and it has no content.
    return exchange.bytes_in > 0 or (exchange.was_sent and exchange.head_or_raise.chunked)
