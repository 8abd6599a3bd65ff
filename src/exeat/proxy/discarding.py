"""An answer that nobody gets, because another attempt follows: what is left of it is read if that is little.

A connection whose answer was read to its end can serve the next attempt; one whose answer wasn't has to be closed.
"""

import asyncio
from typing import final

from exeat.errors import GatewayError
from exeat.proxy.nobody import Nobody
from exeat.proxy.pool import Pool
from exeat.proxy.upstream import UpstreamConnection
from exeat.wire.http1 import ResponseHead

LIMIT_BYTES = 64 * 1024
LIMIT_S = 1.0


def discard(connection: UpstreamConnection, response: ResponseHead, pool: Pool) -> None:
    """Leave an answer whose head has come."""
    try:
        _, is_whole = connection.begin_body()
    except GatewayError:
        connection.close()
        return
    if is_whole:
        pool.release(connection)
    elif connection.is_sending or response.length is None or response.length > LIMIT_BYTES:
        connection.close()
    else:
        Rest(connection, pool).read()


@final
class Rest(Nobody):
    """The caller of the rest of such an answer."""

    def __init__(self, connection: UpstreamConnection, pool: Pool) -> None:
        self._connection = connection
        self._pool = pool
        self._timer: asyncio.TimerHandle | None = None

    def read(self) -> None:
        """Read to the end, or for as long as that is worth it."""
        self._connection.turn_to(self)
        self._timer = asyncio.get_running_loop().call_later(LIMIT_S, self._connection.close)
        end = self._connection.relay()
        end.resume = self._cancel
        if end.is_done:
            self._cancel()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def end(self, trailers: list[bytes]) -> None:  # noqa: ARG002 - nobody gets them
        """The answer is complete: its connection is free."""
        self._cancel()
        self._pool.release(self._connection)
